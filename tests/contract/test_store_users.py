"""Users, in any store."""

import asyncio
from dataclasses import replace

import pytest

from hubbub.domain.errors import Conflict, NotFound
from hubbub.domain.ids import MAX_ID, UserId
from hubbub.domain.users import User
from hubbub.services.ports import Store, Tx
from tests.contract.acts import LATER, NOW, add_user, crowd, sign_up


async def search(store: Store, query: str, *, after: str | None = None, limit: int = 200) -> list[str]:
    """The usernames of those who are found."""
    return [user.username for user in await store.read(lambda tx: tx.users.search(query, after=after, limit=limit))]


async def test_add_returns_the_user_as_it_is_stored(store: Store) -> None:
    def fn(tx: Tx) -> User:
        return tx.users.add(
            username="Ann",
            email="Ann@Example.com",
            display_name="Ann É 👩‍🚀",
            password_hash="$argon2",
            at=NOW,
            is_admin=True,
        )

    ann = await store.write(fn)
    assert ann == User(
        id=ann.id,
        username="Ann",
        email="Ann@Example.com",
        display_name="Ann É 👩‍🚀",
        password_hash="$argon2",
        is_admin=True,
        created_at=NOW,
    )
    stored = await store.read(lambda tx: tx.users.get(ann.id))
    assert stored == ann
    assert stored is not None
    assert stored.is_admin is True
    assert stored.password_hash == "$argon2"


async def test_ids_count_up(store: Store) -> None:
    assert [user.id for user in await sign_up(store, "ann", "bob", "eve")] == [1, 2, 3]


@pytest.mark.parametrize("username", ["ann", "ANN", "Ann"])
async def test_a_username_is_taken_whatever_its_case(store: Store, username: str) -> None:
    await sign_up(store, "Ann")

    def fn(tx: Tx) -> User:
        return tx.users.add(username=username, email="other@b.c", display_name="", password_hash="", at=NOW)

    with pytest.raises(Conflict) as refusal:
        await store.write(fn)
    assert refusal.value.field == "username"


@pytest.mark.parametrize("email", ["É@example.com", "é@EXAMPLE.com"])
async def test_an_email_address_is_taken_whatever_its_case(store: Store, email: str) -> None:
    await sign_up(store, "é")

    def fn(tx: Tx) -> User:
        return tx.users.add(username="other", email=email, display_name="", password_hash="", at=NOW)

    with pytest.raises(Conflict) as refusal:
        await store.write(fn)
    assert refusal.value.field == "email"


async def test_get_is_none_for_an_unknown_id(store: Store) -> None:
    unknown = [UserId(user_id) for user_id in (0, 1, -1, MAX_ID)]
    assert await store.read(lambda tx: [tx.users.get(user_id) for user_id in unknown]) == [None] * 4


async def test_get_many_returns_those_that_exist(store: Store) -> None:
    ann, bob, _ = await sign_up(store, "ann", "bob", "eve")
    wanted = [ann.id, bob.id, UserId(99), UserId(MAX_ID)]
    assert await store.read(lambda tx: tx.users.get_many(wanted)) == {ann.id: ann, bob.id: bob}
    assert await store.read(lambda tx: tx.users.get_many([])) == {}
    assert await store.read(lambda tx: tx.users.get_many({bob.id})) == {bob.id: bob}


async def test_get_many_takes_any_number_of_ids(store: Store) -> None:
    people = await crowd(store, 300)
    found_users = await store.read(lambda tx: tx.users.get_many([UserId(number) for number in range(5000)]))
    assert found_users == {user.id: user for user in people}


@pytest.mark.parametrize("login", ["ann", "ANN", "ann@example.com", "Ann@EXAMPLE.com"])
async def test_find_takes_a_username_or_an_email_address_whatever_its_case(store: Store, login: str) -> None:
    ann, _ = await sign_up(store, "Ann", "bob")
    assert await store.read(lambda tx: tx.users.find(login)) == ann


@pytest.mark.parametrize("login", ["", "an", "ann%", "a_n", "example.com"])
async def test_find_wants_all_of_it(store: Store, login: str) -> None:
    await sign_up(store, "ann")
    assert await store.read(lambda tx: tx.users.find(login)) is None


async def test_update_replaces_everything_but_id_and_created_at(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    changed = User(
        id=ann.id,
        username="Anna",
        email="anna@other.org",
        display_name="Anna",
        password_hash="new",
        is_admin=True,
        created_at=LATER,
    )
    await store.write(lambda tx: tx.users.update(changed))
    expected = replace(changed, created_at=ann.created_at)
    assert await store.read(lambda tx: tx.users.get_many([ann.id, bob.id])) == {ann.id: expected, bob.id: bob}
    assert await store.read(lambda tx: tx.users.find("anna")) == expected
    assert await store.read(lambda tx: tx.users.find("ann")) is None
    assert await store.read(lambda tx: tx.users.find("ann@example.com")) is None


async def test_an_account_may_be_disabled_and_enabled(store: Store) -> None:
    ann, bob = await sign_up(store, "ann", "bob")
    assert ann.disabled_at is None
    for disabled in (replace(ann, disabled_at=LATER), ann):
        await store.write(lambda tx, user=disabled: tx.users.update(user))  # type: ignore[misc]
        assert await store.read(lambda tx: tx.users.get_many([ann.id, bob.id])) == {ann.id: disabled, bob.id: bob}
        assert await store.read(lambda tx: tx.users.find("ann")) == disabled


async def test_administrators_are_those_of_an_account_that_is_not_disabled_by_id(store: Store) -> None:
    ann, bob, eve, _ = await sign_up(store, "ann", "bob", "eve", "dan")
    assert await store.write(lambda tx: tx.users.administrators()) == []
    admins = [replace(user, is_admin=True) for user in (eve, ann)]

    def appoint(tx: Tx) -> None:
        for user in (*admins, replace(bob, is_admin=True, disabled_at=NOW)):
            tx.users.update(user)

    await store.write(appoint)
    for transaction in (store.read, store.write):
        assert await transaction(lambda tx: tx.users.administrators()) == admins[::-1]


async def test_administrators_are_locked_by_who_counts_them(store: Store) -> None:
    def appoint(tx: Tx) -> None:
        for name in ("ann", "bob"):
            tx.users.update(replace(add_user(tx, name), is_admin=True))

    def resign_unless_the_last(tx: Tx) -> None:
        first, *others = tx.users.administrators()
        if others:
            tx.users.update(replace(first, is_admin=False))

    await store.write(appoint)
    await asyncio.gather(*(store.write(resign_unless_the_last) for _ in range(5)))
    assert len(await store.read(lambda tx: tx.users.administrators())) == 1


async def test_update_may_change_the_case_of_the_own_username(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    await store.write(lambda tx: tx.users.update(replace(ann, username="ANN")))
    assert (await store.read(lambda tx: tx.users.get(ann.id))) == replace(ann, username="ANN")


async def test_update_frees_the_old_username(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    await store.write(lambda tx: tx.users.update(replace(ann, username="anna", email="anna@example.com")))
    assert (await sign_up(store, "ann"))[0].id != ann.id


async def test_update_refuses_what_another_has(store: Store) -> None:
    ann, _ = await sign_up(store, "ann", "bob")
    with pytest.raises(Conflict) as of_username:
        await store.write(lambda tx: tx.users.update(replace(ann, username="BOB")))
    with pytest.raises(Conflict) as of_email:
        await store.write(lambda tx: tx.users.update(replace(ann, email="Bob@example.com")))
    assert (of_username.value.field, of_email.value.field) == ("username", "email")
    assert await store.read(lambda tx: tx.users.get(ann.id)) == ann


async def test_update_of_an_unknown_id_is_not_found(store: Store) -> None:
    ann = (await sign_up(store, "ann"))[0]
    stranger = replace(ann, id=UserId(99), username="stranger", email="s@t.r")
    with pytest.raises(NotFound):
        await store.write(lambda tx: tx.users.update(stranger))


async def test_search_is_ordered_by_username_without_case(store: Store) -> None:
    await sign_up(store, "bob", "Ann", "_eve", "ann-2", "Zoe", "dan")
    assert await search(store, "") == ["_eve", "Ann", "ann-2", "bob", "dan", "Zoe"]


async def test_search_looks_into_usernames_and_display_names_whatever_the_case(store: Store) -> None:
    def fn(tx: Tx) -> None:
        for username, display_name in (("ann", "Élodie Ångström"), ("bob", "Ann's brother"), ("eve", "ΣΊΣΥΦΟΣ")):
            email = f"{username}@example.com"
            tx.users.add(username=username, email=email, display_name=display_name, password_hash="", at=NOW)

    await store.write(fn)
    assert await search(store, "ANN") == ["ann", "bob"]
    assert await search(store, "éLODIE") == ["ann"]
    assert await search(store, "ÅNG") == ["ann"]
    assert await search(store, "σίσυ") == ["eve"]
    assert await search(store, "elodie") == []
    assert await search(store, "example.com") == []


async def test_search_takes_wildcards_literally(store: Store) -> None:
    def fn(tx: Tx) -> None:
        for username, display_name in (("a", "100%"), ("b", "100x"), ("c", "a_b"), ("d", "a\\b"), ("e", "a*b")):
            email = f"{username}@example.com"
            tx.users.add(username=username, email=email, display_name=display_name, password_hash="", at=NOW)

    await store.write(fn)
    assert await search(store, "0%") == ["a"]
    assert await search(store, "a_b") == ["c"]
    assert await search(store, "\\") == ["d"]
    assert await search(store, "*") == ["e"]
    assert await search(store, "'") == []


async def test_search_pages_with_an_exclusive_cursor(store: Store) -> None:
    await crowd(store, 25)
    await store.write(lambda tx: add_user(tx, "USER3x"))
    pages: list[list[str]] = []
    after = None
    while page := await search(store, "user", after=after, limit=10):
        pages.append(page)
        after = page[-1].upper()
    assert [len(page) for page in pages] == [10, 10, 6]
    everybody = [username for page in pages for username in page]
    assert everybody == sorted(everybody, key=str.lower)
    assert len(set(everybody)) == 26
    assert await search(store, "user", after="zzz") == []


async def test_a_search_leaves_out_disabled_accounts_unless_they_are_asked_for(store: Store) -> None:
    ann, *_ = await sign_up(store, "ann", "anna", "bob")
    await store.write(lambda tx: tx.users.update(replace(ann, disabled_at=NOW)))
    assert await search(store, "") == ["anna", "bob"]
    assert await search(store, "ann", limit=1) == ["anna"]
    everybody = await store.read(lambda tx: tx.users.search("ann", after=None, limit=200, with_disabled=True))
    assert [user.username for user in everybody] == ["ann", "anna"]
