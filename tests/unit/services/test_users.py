"""UserDirectory: who sees what of whom, and what people may change about themselves."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hubbub.domain.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited
from hubbub.domain.ids import Millis, SessionId, UserId
from hubbub.domain.texts import MAX_QUERY
from hubbub.domain.users import Identity, User
from hubbub.services.cursors import encode_cursor
from hubbub.services.policies import AccountsPolicy
from hubbub.services.users import Profile
from tests.unit.services.people import PASSWORD, People


@pytest.fixture
async def people() -> AsyncIterator[People]:
    people = People(AccountsPolicy(login_rate=3))
    yield people
    await people.close()


def as_viewer(user: User, *, is_admin: bool = False) -> Identity:
    return Identity(user.id, user.username, user.display_name, SessionId(1), is_admin, Millis(0))


async def test_a_profile_shows_the_address_to_its_owner_and_to_admins_alone(people: People) -> None:
    ann, bob = await people.register("Ann"), await people.register("Bob")
    mine = await people.directory.get(as_viewer(ann), ann.id)
    assert mine == Profile(
        id=ann.id,
        username="Ann",
        display_name="Ann",
        email="Ann@example.org",
        is_admin=False,
        created_at=people.clock.now(),
        disabled_at=None,
    )
    assert await people.directory.get(as_viewer(bob, is_admin=True), ann.id) == mine
    assert await people.directory.get(as_viewer(bob), ann.id) == replace(mine, email=None)


async def test_a_disabled_account_is_seen_by_everybody_and_found_by_administrators_alone(people: People) -> None:
    ann, bob = await people.register("Ann"), await people.register("Bob")
    await people.administration.disable(bob.id, by=None)
    for viewer, names in ((as_viewer(ann), ["Ann"]), (as_viewer(ann, is_admin=True), ["Ann", "Bob"])):
        found, _ = await people.directory.search(viewer)
        assert [profile.username for profile in found] == names
        assert (await people.directory.get(viewer, bob.id)).disabled_at == people.clock.now()


async def test_there_is_no_profile_of_nobody(people: People) -> None:
    ann = await people.register()
    with pytest.raises(NotFound, match="there is no user 99"):
        await people.directory.get(as_viewer(ann), UserId(99))


async def test_a_search_goes_through_everybody_by_username_page_by_page(people: People) -> None:
    for name in ("eve", "Bob", "dan", "Ann"):
        await people.register(name)
    viewer = as_viewer(await people.register("carl"))
    seen: list[list[str]] = []
    cursor: str | None = None
    while not seen or cursor:
        profiles, cursor = await people.directory.search(viewer, cursor=cursor, limit=2)
        seen.append([profile.username for profile in profiles])
    assert seen == [["Ann", "Bob"], ["carl", "dan"], ["eve"]]
    assert (await people.directory.search(viewer, limit=5))[1] is None


async def test_a_search_finds_parts_of_either_name_and_shows_no_address_of_others(people: People) -> None:
    ann = await people.register("Ann")
    await people.register("Bob")
    await people.accounts.register("carl", "carl@example.org", PASSWORD, "Hannah")
    profiles, cursor = await people.directory.search(as_viewer(ann), "ANN")
    assert [(profile.username, profile.email) for profile in profiles] == [("Ann", "Ann@example.org"), ("carl", None)]
    assert cursor is None
    assert await people.directory.search(as_viewer(ann), "example") == ([], None)


async def test_a_search_refuses_what_no_name_can_hold(people: People) -> None:
    ann = await people.register()
    for query in ("a\x00", "\ud800", "x" * (MAX_QUERY + 1)):
        with pytest.raises(Invalid) as refused:
            await people.directory.search(as_viewer(ann), query)
        assert refused.value.field == "q"


@pytest.mark.parametrize("cursor", ["", "!", "\ud800", encode_cursor("a\x00b")])
async def test_a_search_refuses_a_made_up_cursor(people: People, cursor: str) -> None:
    ann = await people.register()
    with pytest.raises(Invalid) as refused:
        await people.directory.search(as_viewer(ann), cursor=cursor)
    assert refused.value.field == "cursor"


async def test_a_display_name_is_changed_without_a_password(people: People) -> None:
    ann = await people.register()
    identity = await people.sign_in()
    changed = await people.directory.change_profile(identity, display_name="Ann B.")
    assert changed.display_name == "Ann B."
    assert await people.directory.get(identity, ann.id) == changed
    assert await people.stored(ann) == replace(ann, display_name="Ann B.")


async def test_another_address_needs_the_password_and_signs_in_from_then_on(people: People) -> None:
    ann = await people.register()
    identity = await people.sign_in()
    for password in (None, "wrong horse"):
        with pytest.raises(Forbidden) as refused:
            await people.directory.change_profile(
                identity, display_name="Not Ann", email="ann@example.net", password=password
            )
        assert refused.value.field == "password"
        assert await people.stored(ann) == ann
    changed = await people.directory.change_profile(identity, email="ann@example.net", password=PASSWORD)
    assert changed.email == "ann@example.net"
    assert changed.display_name == "Ann"
    assert (await people.login("ANN@example.net")).user.id == ann.id


async def test_guessing_the_password_for_another_address_is_limited_for_each_user(people: People) -> None:
    await people.register()
    identity = await people.sign_in()
    for _ in range(3):
        with pytest.raises(Forbidden):
            await people.directory.change_profile(identity, email="ann@example.net", password="wrong horse")
    with pytest.raises(RateLimited):
        await people.directory.change_profile(identity, email="ann@example.net", password=PASSWORD)


async def test_the_same_address_again_needs_no_password(people: People) -> None:
    ann = await people.register()
    identity = await people.sign_in()
    await people.directory.change_profile(identity, display_name="Ann B.", email="Ann@example.org")
    assert await people.stored(ann) == replace(ann, display_name="Ann B.")


async def test_changing_nothing_answers_with_the_profile_as_it_is(people: People) -> None:
    ann = await people.register()
    identity = await people.sign_in()
    assert await people.directory.change_profile(identity) == await people.directory.get(identity, ann.id)


async def test_the_address_of_somebody_else_is_taken_in_the_words_of_registering(people: People) -> None:
    await people.register("Bob")
    ann = await people.register("Ann")
    identity = await people.sign_in()
    with pytest.raises(Conflict) as refused:
        await people.directory.change_profile(
            identity, display_name="Ann B.", email="BOB@example.org", password=PASSWORD
        )
    assert str(refused.value) == "this username or e-mail address is taken"
    assert refused.value.__cause__ is None
    assert await people.stored(ann) == ann


async def test_a_change_that_breaks_a_rule_is_refused_by_the_name_of_its_field(people: People) -> None:
    await people.register()
    identity = await people.sign_in()
    for field, change in (
        ("display_name", people.directory.change_profile(identity, display_name=" ")),
        ("email", people.directory.change_profile(identity, email="example.org", password=PASSWORD)),
    ):
        with pytest.raises(Invalid) as refused:
            await change
        assert refused.value.field == field


@pytest.mark.parametrize("name", ["ben", "BEN"])
async def test_nobody_is_called_by_the_username_of_another_account(people: People, name: str) -> None:
    ann = await people.register()
    await people.register("ben")
    identity = await people.sign_in()
    with pytest.raises(Invalid) as refused:
        await people.directory.change_profile(identity, display_name=name, email="new@example.org", password=PASSWORD)
    assert refused.value.field == "display_name"
    with pytest.raises(Invalid) as refused:
        await people.accounts.register("cyd", "cyd@example.org", PASSWORD, name)
    assert refused.value.field == "display_name"
    assert await people.stored(ann) == ann
    assert await people.store.read(lambda tx: tx.users.find("cyd")) is None


async def test_ones_own_username_and_the_address_of_another_are_no_ones_username(people: People) -> None:
    await people.register()
    ben = await people.register("ben")
    identity = await people.sign_in()
    for name in ("ANN", "Ben Okri", ben.email):  # a refusal would tell that the address has an account
        assert (await people.directory.change_profile(identity, display_name=name)).display_name == name


async def test_who_is_called_as_a_later_username_changes_the_rest_of_their_profile(people: People) -> None:
    await people.accounts.register("Ann", "Ann@example.org", PASSWORD, "ben")
    identity = await people.sign_in()
    await people.register("ben")
    change = people.directory.change_profile(identity, display_name="ben", email="new@example.org", password=PASSWORD)
    assert (await change).email == "new@example.org"


async def test_an_account_that_is_gone_is_not_changed(people: People) -> None:
    ann = await people.register()
    identity = await people.sign_in()
    await people.forget(ann)
    with pytest.raises(NotFound):
        await people.directory.change_profile(identity, display_name="Ann B.")
