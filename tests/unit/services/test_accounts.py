"""Accounts: register and sign in, and how often one may try."""

import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pwdlib.hashers.argon2 import Argon2Hasher as Argon2

from hubbub.domain.errors import (
    ChatError,
    Conflict,
    Forbidden,
    Invalid,
    RateLimited,
    Unauthenticated,
)
from hubbub.domain.texts import MAX_NAME, MAX_PASSWORD
from hubbub.services.policies import AccountsPolicy
from tests.unit.services.people import HOME, PASSWORD, People, change_after_verify

DAY = 24 * 60 * 60  # seconds


@pytest.fixture
async def limited() -> AsyncIterator[People]:
    people = People(AccountsPolicy(login_rate=3))
    yield people
    await people.close()


@pytest.fixture
def verified(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The parameters of each Argon2 verification that really happens."""
    done: list[str] = []
    verify = Argon2.verify

    def counted(argon2: Argon2, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002
        done.append(str(hash).rsplit("$", 2)[0])
        return verify(argon2, password, hash)

    monkeypatch.setattr(Argon2, "verify", counted)
    return done


async def refusal(people: People, login: str, password: str, *, address: str = HOME) -> tuple[type, str]:
    with pytest.raises(ChatError) as refused:
        await people.login(login, password, address=address)
    return refused.type, str(refused.value)


# Register


async def test_registering_keeps_the_names_as_typed_and_the_password_only_as_a_hash(people: People) -> None:
    user = await people.accounts.register("Ann", "Ann@Example.org", PASSWORD, "Ann of Green Gables")
    assert user == await people.stored(user)
    assert (user.username, user.email, user.display_name) == ("Ann", "Ann@Example.org", "Ann of Green Gables")
    assert user.created_at == people.clock.now()
    assert not user.is_admin
    assert user.password_hash.startswith("$argon2id$")


async def test_without_a_display_name_the_username_is_shown(people: People) -> None:
    assert (await people.register()).display_name == "Ann"


@pytest.mark.parametrize(("username", "email"), [("ANN", "other@example.org"), ("other", "ann@EXAMPLE.org")])
async def test_a_taken_username_and_a_taken_address_are_refused_in_the_same_words(
    people: People, username: str, email: str
) -> None:
    await people.register()
    with pytest.raises(Conflict) as refused:
        await people.accounts.register(username, email, PASSWORD)
    assert str(refused.value) == "this username or e-mail address is taken"
    assert refused.value.field is None
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("username", "email", "password", "display_name", "field"),
    [
        ("a", "a@example.org", PASSWORD, None, "username"),
        ("a@b", "a@example.org", PASSWORD, None, "username"),
        ("ann", "example.org", PASSWORD, None, "email"),
        ("ann", "a@example.org", "short", None, "password"),
        ("ann", "a@example.org", "x" * (MAX_PASSWORD + 1), None, "password"),
        ("ann", "a@example.org", "x" * 10 + "\ud800", None, "password"),
        ("ann", "a@example.org", PASSWORD, "", "display_name"),
        ("ann", "a@example.org", PASSWORD, "a\nb", "display_name"),
    ],
)
async def test_what_breaks_a_rule_is_refused_by_the_name_of_its_field(
    people: People, username: str, email: str, password: str, display_name: str | None, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        await people.accounts.register(username, email, password, display_name)
    assert refused.value.field == field
    assert password not in str(refused.value)


# Sign in


@pytest.mark.parametrize("login", ["Ann", "ann", "ANN", "Ann@example.org", "ann@EXAMPLE.ORG"])
async def test_username_and_address_sign_in_whatever_their_case(people: People, login: str) -> None:
    user = await people.register()
    grant = await people.login(login)
    identity = await people.accounts.authenticate(grant.access_token)
    assert grant.user == user
    assert (identity.user_id, identity.username, identity.is_admin) == (user.id, "Ann", False)
    assert identity.session_id == grant.session_id
    assert identity.expires_at == people.clock.now() + 900_000
    assert grant.expires_in == 900


async def test_a_session_says_when_and_where_it_began(people: People) -> None:
    user = await people.register()
    grant = await people.login()
    (session,) = await people.accounts.sessions(user.id)
    now = people.clock.now()
    assert (session.id, session.user_id, session.label) == (grant.session_id, user.id, "a browser")
    assert (session.created_at, session.used_at, session.expires_at) == (now, now, now + 30 * DAY * 1000)


async def test_an_unknown_login_and_a_wrong_password_are_refused_alike_after_the_same_work(
    people: People, verified: list[str]
) -> None:
    await people.register()
    wrong = {
        await refusal(people, login, password)
        for login, password in [("Ann", "wrong horse"), ("Ann@example.org", "wrong horse"), ("Bob", PASSWORD)]
    }
    assert wrong == {(Unauthenticated, "wrong username, e-mail address or password")}
    assert len(verified) == 3
    assert len(set(verified)) == 1


@pytest.mark.parametrize(
    ("login", "password"),
    [
        ("Ann", "x" * (MAX_PASSWORD + 1)),
        ("Ann", "x" * 10_000_000),
        ("Ann", "correct\ud800horse"),
        ("x" * 10_000, PASSWORD),
        ("x@" + "x" * 10_000, PASSWORD),
        ("", PASSWORD),
        ("Ann\x00", PASSWORD),
        ("\ud800nn", PASSWORD),
        ("ann@\ud800.org", PASSWORD),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_what_no_account_can_have_is_wrong_without_being_hashed(
    people: People, verified: list[str], login: str, password: str
) -> None:
    await people.register()
    assert await refusal(people, login, password) == (
        Unauthenticated,
        "wrong username, e-mail address or password",
    )
    assert verified == []


async def test_a_password_of_the_greatest_length_signs_in(people: People) -> None:
    longest = "ö" * MAX_PASSWORD
    await people.accounts.register("Ann", "ann@example.org", longest)
    await people.login(password=longest)


async def test_a_hash_of_other_parameters_is_replaced_at_the_next_sign_in(people: People) -> None:
    user = await people.register()
    today = People(AccountsPolicy(login_rate=0), time_cost=2, store=people.store)
    assert (await people.stored(user)).password_hash.startswith("$argon2id$v=19$m=8,t=1,p=1$")
    with pytest.raises(Unauthenticated):
        await today.login(password="wrong horse")
    assert await people.stored(user) == user
    grant = await today.login()
    again = await people.stored(user)
    assert again.password_hash.startswith("$argon2id$v=19$m=8,t=2,p=1$")
    assert grant.user == again == replace(user, password_hash=again.password_hash)
    await today.login()
    assert await people.stored(user) == again
    await today.close()


async def test_a_password_that_is_changed_while_it_is_checked_signs_nobody_in(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await people.register()
    await change_after_verify(people, monkeypatch, user)
    with pytest.raises(Unauthenticated):
        await people.login()
    assert await people.accounts.sessions(user.id) == []


async def test_an_account_that_is_gone_is_refused_everywhere(people: People) -> None:
    user = await people.register()
    identity = await people.sign_in()
    await people.forget(user)
    with pytest.raises(Unauthenticated):
        await people.login()
    with pytest.raises(Forbidden):
        await people.accounts.change_password(identity, PASSWORD, "another horse")
    with pytest.raises(Unauthenticated):
        await people.accounts.issue_ticket(identity)


@pytest.mark.parametrize(
    ("label", "kept"),
    [
        ("Firefox", "Firefox"),
        ("", ""),
        (" \tA\r\nB\x00\ud800\u202e ", "AB"),
        ("x" * 5000, "x" * MAX_NAME),
    ],
    ids=["plain", "empty", "control characters", "long"],
)
async def test_a_label_is_cleaned_rather_than_refused(people: People, label: str, kept: str) -> None:
    user = await people.register()
    await people.accounts.login("Ann", PASSWORD, address=HOME, label=label)
    (session,) = await people.accounts.sessions(user.id)
    assert session.label == kept


async def test_one_session_too_many_ends_the_one_used_the_longest_ago(people: People) -> None:
    user = await people.register()
    first, second, third = [await people.login() for _ in range(3)]
    people.clock.advance(60)
    first = await people.accounts.refresh(first.refresh_token)
    assert people.fanout.ended == []
    fourth = await people.login()
    assert people.fanout.ended == [second.session_id]
    left = {session.id for session in await people.accounts.sessions(user.id)}
    assert left == {first.session_id, third.session_id, fourth.session_id}


# How often


async def test_attempts_are_limited_for_each_login_from_anywhere(limited: People, verified: list[str]) -> None:
    await limited.register()
    for number in range(30):
        await refusal(limited, "aNn", "wrong horse", address=f"192.0.2.{number}")
    with pytest.raises(RateLimited) as refused:
        await limited.login("Ann", PASSWORD, address="192.0.2.99")
    assert refused.value.retry_after == 2.0
    assert len(verified) == 30
    limited.clock.advance(2)
    await limited.login("Ann", PASSWORD, address="192.0.2.99")


async def test_nobody_is_locked_out_by_who_guesses_from_one_address(limited: People) -> None:
    await limited.register()
    identity = await limited.sign_in()
    for _ in range(50):
        await refusal(limited, "Ann", "wrong horse", address="203.0.113.5")
    await limited.login(address=HOME)
    await limited.accounts.change_password(identity, PASSWORD, "another horse")


async def test_attempts_on_a_login_that_does_not_exist_are_limited_just_so(limited: People) -> None:
    for number in range(30):
        await refusal(limited, "nobody", "wrong horse", address=f"192.0.2.{number}")
    assert await refusal(limited, "NOBODY", "wrong horse", address="192.0.2.99") == (
        RateLimited,
        "too many attempts: wait a little",
    )


async def test_attempts_are_limited_for_each_address_whatever_they_try(limited: People, verified: list[str]) -> None:
    await limited.register()
    for login in ("one", "two", "three"):
        await refusal(limited, login, PASSWORD, address="2001:db8::1")
    assert (await refusal(limited, "Ann", PASSWORD, address="2001:db8::2"))[0] is RateLimited
    assert len(verified) == 3
    await limited.login("Ann", address=HOME)


async def test_a_failed_login_is_logged_with_its_address_and_its_user_but_without_what_was_typed(
    people: People, caplog: pytest.LogCaptureFixture
) -> None:
    user = await people.register()
    for login in ("Ann", "nobody", "Pa55word in the wrong field"):
        await refusal(people, login, "wrong horse", address="203.0.113.5")
    shown = [(line.levelname, line.__dict__["address"], line.__dict__["user_id"]) for line in caplog.records]
    assert shown == [("WARNING", "203.0.113.5", user_id) for user_id in (user.id, None, None)]
    logged = repr([line.__dict__ for line in caplog.records])
    assert not [word for word in ("nobody", "Pa55word", "wrong horse") if word in logged]


async def test_a_limit_that_is_reached_is_logged_once_with_the_address(
    limited: People, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for _ in range(6):
        await refusal(limited, "nobody", "wrong horse", address="203.0.113.5")
    assert [line.__dict__["address"] for line in caplog.records if line.levelno == logging.INFO] == ["203.0.113.5"]


async def test_a_success_gives_no_attempt_back(limited: People) -> None:
    await limited.register()
    for _ in range(3):
        await limited.login()
    assert (await refusal(limited, "Ann@example.org", PASSWORD))[0] is RateLimited


async def test_who_is_refused_for_the_address_does_not_use_up_the_attempts_of_the_login(limited: People) -> None:
    await limited.register()
    for login in ("one", "two", "three", *["Ann"] * 40):
        await refusal(limited, login, "wrong horse", address="203.0.113.5")
    await limited.login(address=HOME)


async def test_registrations_of_strangers_count_with_the_log_ins_of_their_address(limited: People) -> None:
    for name in ("ann", "ben", "cat"):
        await limited.accounts.register(name, f"{name}@example.org", PASSWORD, address=HOME)
    with pytest.raises(RateLimited):
        await limited.accounts.register("dan", "dan@example.org", PASSWORD, address=HOME)
    assert (await refusal(limited, "ann", PASSWORD, address=HOME))[0] is RateLimited
    await limited.accounts.register("dan", "dan@example.org", PASSWORD, address="192.0.2.9")


async def test_changing_the_password_is_limited_for_each_user(limited: People) -> None:
    await limited.register()
    identity = await limited.sign_in()
    for _ in range(3):
        with pytest.raises(Forbidden):
            await limited.accounts.change_password(identity, "wrong horse", "another horse")
    with pytest.raises(RateLimited):
        await limited.accounts.change_password(identity, PASSWORD, "another horse")
