"""Administration: accounts that are disabled, and who may do that."""

import asyncio
import logging
from dataclasses import replace

import pytest

from hubbub.domain.errors import Conflict, Forbidden, Invalid, NotFound, RateLimited, Unauthenticated
from hubbub.domain.ids import UserId
from hubbub.domain.users import Identity, User
from hubbub.services.imports import UNUSABLE_HASH
from hubbub.services.policies import AccountsPolicy
from tests.unit.services.people import PASSWORD, People

DISABLED = "this account is disabled: ask whoever runs this server"
ENDED = "this session has ended: sign in again"
NOBODY = UserId(99)


async def administrator(people: People, name: str = "Root") -> Identity:
    """Somebody who has been made one, and has signed in."""
    user = await people.register(name)
    await people.administration.grant_admin(user.id)
    return await people.sign_in(name)


# Disabled


async def test_whoever_disables_an_account_ends_all_of_its_sessions_and_no_others(people: People) -> None:
    root, ann = await administrator(people), await people.register("Ann")
    grants = [await people.login("Ann") for _ in range(3)]
    disabled = await people.administration.disable(ann.id, by=root)
    assert disabled == replace(ann, disabled_at=people.clock.now()) == await people.stored(ann)
    assert sorted(people.fanout.ended) == sorted(grant.session_id for grant in grants)
    assert await people.accounts.sessions(ann.id) == []
    assert len(await people.accounts.sessions(root.user_id)) == 1


async def test_nothing_that_was_given_to_a_disabled_account_is_worth_anything(people: People) -> None:
    root, ann = await administrator(people), await people.register("Ann")
    grant = await people.login("Ann")
    ticket = await people.accounts.issue_ticket(await people.accounts.authenticate(grant.access_token))
    await people.administration.disable(ann.id, by=root)
    for attempt in (
        people.accounts.authenticate(grant.access_token),
        people.accounts.refresh(grant.refresh_token),
    ):
        with pytest.raises(Unauthenticated, match=ENDED):
            await attempt
    with pytest.raises(Unauthenticated):
        await people.accounts.redeem_ticket(ticket)


async def test_a_session_is_worth_nothing_when_its_account_was_disabled_by_hand(people: People) -> None:
    ann = await people.register("Ann")
    grant = await people.login("Ann")
    await people.change(replace(ann, disabled_at=people.clock.now()))
    with pytest.raises(Unauthenticated, match=ENDED):
        await people.accounts.authenticate(grant.access_token)
    await people.administration.disable(ann.id, by=None)
    assert people.fanout.ended == [grant.session_id]


async def test_only_who_knows_the_password_learns_that_an_account_is_disabled(people: People) -> None:
    ann = await people.register("Ann")
    await people.administration.disable(ann.id, by=None)
    with pytest.raises(Forbidden) as told:
        await people.login("ann@example.org")
    assert str(told.value) == DISABLED
    refusals = []
    for login in ("Ann", "nobody"):
        with pytest.raises(Unauthenticated) as refused:
            await people.login(login, "wrong horse")
        refusals.append(str(refused.value))
    assert refusals[0] == refusals[1]
    assert await people.accounts.sessions(ann.id) == []


async def test_attempts_on_a_disabled_account_are_limited_like_all_others() -> None:
    people = People(AccountsPolicy(login_rate=2))
    ann = await people.register("Ann")
    await people.administration.disable(ann.id, by=None)
    for _ in range(2):
        with pytest.raises(Forbidden):
            await people.login("Ann")
    with pytest.raises(RateLimited):
        await people.login("Ann")
    await people.close()


async def test_who_signs_in_while_the_account_is_disabled_has_no_session(people: People) -> None:
    ann = await people.register("Ann")
    outcomes = await asyncio.gather(
        people.login("Ann"), people.administration.disable(ann.id, by=None), return_exceptions=True
    )
    assert isinstance(outcomes[0], Forbidden)
    assert await people.accounts.sessions(ann.id) == []


async def test_an_account_that_is_enabled_again_can_be_signed_in_to_and_old_tokens_stay_dead(people: People) -> None:
    root, ann = await administrator(people), await people.register("Ann")
    grant = await people.login("Ann")
    await people.administration.disable(ann.id, by=root)
    assert await people.administration.enable(ann.id, by=root) == ann
    assert (await people.sign_in("Ann")).user_id == ann.id
    with pytest.raises(Unauthenticated):
        await people.accounts.authenticate(grant.access_token)


async def test_an_account_is_disabled_since_the_first_time_and_enabling_may_be_repeated(people: People) -> None:
    ann = await people.register("Ann")
    first = await people.administration.disable(ann.id, by=None)
    people.clock.advance(60)
    assert await people.administration.disable(ann.id, by=None) == first
    for _ in range(2):
        assert await people.administration.enable(ann.id, by=None) == ann


# Who may


async def test_the_people_may_neither_disable_nor_enable(people: People) -> None:
    await people.register("Ann")
    ben = await people.register("Ben")
    ann = await people.sign_in("Ann")
    for change in (people.administration.disable, people.administration.enable):
        for user_id in (ann.user_id, ben.id, NOBODY):
            with pytest.raises(Forbidden, match="you are not an administrator of this server"):
                await change(user_id, by=ann)
    assert await people.stored(ben) == ben


async def test_nobody_disables_their_own_account(people: People) -> None:
    root = await administrator(people)
    await administrator(people, "Other")
    with pytest.raises(Forbidden, match="your own account"):
        await people.administration.disable(root.user_id, by=root)
    assert len(await people.accounts.sessions(root.user_id)) == 1


async def test_two_administrators_who_disable_each_other_leave_one(people: People) -> None:
    one, two = await administrator(people, "One"), await administrator(people, "Two")
    outcomes = await asyncio.gather(
        people.administration.disable(two.user_id, by=one),
        people.administration.disable(one.user_id, by=two),
        return_exceptions=True,
    )
    assert {type(outcome) for outcome in outcomes} == {User, Forbidden}
    assert len(await people.store.read(lambda tx: tx.users.administrators())) == 1


async def test_the_last_administrator_who_can_sign_in_stays(people: People) -> None:
    root, other = await administrator(people), await administrator(people, "Other")
    await people.administration.disable(other.user_id, by=root)
    for change in (
        people.administration.disable(root.user_id, by=None),
        people.administration.revoke_admin(root.user_id),
    ):
        with pytest.raises(Conflict, match="the last administrator"):
            await change
    assert (await people.administration.revoke_admin(other.user_id)).is_admin is False
    assert (await people.sign_in("Root")).is_admin


async def test_who_was_dismissed_may_not_disable_with_the_token_of_before(people: People) -> None:
    root, other = await administrator(people), await administrator(people, "Other")
    await people.administration.revoke_admin(other.user_id)
    assert other.is_admin
    with pytest.raises(Forbidden):
        await people.administration.disable(root.user_id, by=other)


async def test_nobody_can_not_be_changed(people: People) -> None:
    root, administration = await administrator(people), people.administration
    for change in (
        administration.disable(NOBODY, by=root),
        administration.enable(NOBODY, by=root),
        administration.grant_admin(NOBODY),
        administration.revoke_admin(NOBODY),
        administration.reset_password(NOBODY, PASSWORD),
    ):
        with pytest.raises(NotFound, match="there is no user 99"):
            await change


# Whoever runs the server


async def test_everybody_is_listed_by_username_page_by_page(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubbub.services.administration.MAX_PAGE", 2)
    for name in ("eve", "Bob", "dan", "Ann"):
        await people.register(name)
        assert [user.username async for user in people.administration.everybody()][-1] == "eve"
    await people.administration.disable((await people.administration.find("bob")).id, by=None)
    assert [user.username async for user in people.administration.everybody()] == ["Ann", "Bob", "dan", "eve"]


async def test_people_are_found_by_username_or_address(people: People) -> None:
    ann = await people.register("Ann")
    for login in ("ann", "ANN@example.org"):
        assert await people.administration.find(login) == ann
    with pytest.raises(NotFound, match="there is no user bob"):
        await people.administration.find("bob")


async def test_another_password_ends_all_sessions(people: People) -> None:
    ann = await people.register("Ann")
    grant = await people.login("Ann")
    await people.administration.reset_password(ann.id, "battery staple")
    assert people.fanout.ended == [grant.session_id]
    with pytest.raises(Unauthenticated):
        await people.login("Ann")
    await people.login("Ann", "battery staple")


async def test_an_imported_account_gets_its_first_password(people: People) -> None:
    ann = await people.register("Ann")
    await people.change(replace(ann, password_hash=UNUSABLE_HASH))
    await people.administration.reset_password(ann.id, PASSWORD)
    await people.login("Ann")


async def test_another_password_keeps_to_the_rules(people: People) -> None:
    ann = await people.register("Ann")
    with pytest.raises(Invalid) as refused:
        await people.administration.reset_password(ann.id, "short")
    assert refused.value.field == "password"
    assert await people.stored(ann) == ann


async def test_who_did_it_is_logged(people: People, caplog: pytest.LogCaptureFixture) -> None:
    root, ann = await administrator(people), await people.register("Ann")
    caplog.clear()
    with caplog.at_level(logging.INFO, "hubbub.services.administration"):
        await people.administration.disable(ann.id, by=root)
        await people.administration.enable(ann.id, by=None)
    told = [(record.message, record.__dict__["user_id"], record.__dict__["by"]) for record in caplog.records]
    assert told == [
        ("an account was disabled", ann.id, root.user_id),
        ("an account was enabled", ann.id, None),
    ]
