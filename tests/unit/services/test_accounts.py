"""Accounts: register, sign in, stay signed in, sign out."""

import asyncio
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
    NotFound,
    RateLimited,
    TokenExpired,
    Unauthenticated,
)
from hubbub.domain.ids import Millis, SessionId, UserId
from hubbub.domain.texts import MAX_NAME, MAX_PASSWORD
from hubbub.domain.users import User
from hubbub.services.policies import AccountsPolicy
from tests.unit.services.people import HOME, PASSWORD, People

DAY = 24 * 60 * 60  # seconds


@pytest.fixture
async def people() -> AsyncIterator[People]:
    people = People(AccountsPolicy(login_rate=0, max_sessions=3))
    yield people
    await people.close()


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


async def change_after_verify(people: People, monkeypatch: pytest.MonkeyPatch, user: User) -> None:
    """Have the next password check end just after somebody else has changed the password."""
    loop = asyncio.get_running_loop()
    verify = Argon2.verify
    changed = replace(user, password_hash="!")

    def overtaken(argon2: Argon2, password: str | bytes, hash: str | bytes) -> bool:  # noqa: A002
        asyncio.run_coroutine_threadsafe(people.change(changed), loop).result(timeout=30)
        return verify(argon2, password, hash)

    monkeypatch.setattr(Argon2, "verify", overtaken)


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
    await people.store.write(lambda tx: tx.users.delete(user.id))
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


# Stay signed in


async def test_refreshing_answers_with_the_next_tokens_and_moves_the_end_of_the_session(people: People) -> None:
    user = await people.register()
    first = await people.login()
    people.clock.advance(10 * DAY + 0.25)
    second = await people.accounts.refresh(first.refresh_token)
    assert (second.user, second.session_id) == (user, first.session_id)
    assert second.refresh_token != first.refresh_token
    assert second.expires_in == 899  # the token ends with a whole second
    await people.accounts.authenticate(second.access_token)
    (session,) = await people.accounts.sessions(user.id)
    assert (session.used_at, session.expires_at) == (people.clock.now(), people.clock.now() + 30 * DAY * 1000)
    people.clock.advance(25 * DAY)
    third = await people.accounts.refresh(second.refresh_token)
    assert third.session_id == first.session_id


async def test_a_refresh_token_of_an_earlier_generation_ends_the_session(
    people: People, caplog: pytest.LogCaptureFixture
) -> None:
    user = await people.register()
    first = await people.login()
    other = await people.login()
    second = await people.accounts.refresh(first.refresh_token)
    with caplog.at_level(logging.WARNING), pytest.raises(Unauthenticated) as refused:
        await people.accounts.refresh(first.refresh_token)
    assert refused.type is Unauthenticated
    assert people.fanout.ended == [first.session_id]
    assert [session.id for session in await people.accounts.sessions(user.id)] == [other.session_id]
    for use in (
        people.accounts.authenticate(second.access_token),
        people.accounts.refresh(second.refresh_token),
        people.accounts.refresh(first.refresh_token),
    ):
        with pytest.raises(Unauthenticated):
            await use
    assert caplog.messages == [f"a refresh token of user {user.id} was used twice: session {first.session_id} is ended"]


async def test_of_two_refreshes_at_once_one_wins_and_then_the_session_is_over(people: People) -> None:
    await people.register()
    grant = await people.login()
    outcomes = await asyncio.gather(
        *(people.accounts.refresh(grant.refresh_token) for _ in range(4)), return_exceptions=True
    )
    won = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert len(won) == 1
    assert all(isinstance(outcome, Unauthenticated) for outcome in outcomes if outcome not in won)
    assert people.fanout.ended == [grant.session_id]
    with pytest.raises(Unauthenticated):
        await people.accounts.authenticate(won[0].access_token)


async def test_after_its_last_day_a_session_cannot_be_refreshed(people: People) -> None:
    user = await people.register()
    grant = await people.login()
    people.clock.advance(30 * DAY - 0.001)
    assert len(await people.accounts.sessions(user.id)) == 1
    people.clock.advance(0.001)
    with pytest.raises(TokenExpired):
        await people.accounts.refresh(grant.refresh_token)
    assert await people.accounts.sessions(user.id) == []
    assert people.fanout.ended == []


async def test_an_access_token_expires(people: People) -> None:
    await people.register()
    grant = await people.login()
    people.clock.advance(899.999)
    await people.accounts.authenticate(grant.access_token)
    people.clock.advance(0.001)
    with pytest.raises(TokenExpired):
        await people.accounts.authenticate(grant.access_token)


async def test_no_token_outlives_its_session() -> None:
    people = People(AccountsPolicy(access_ttl=900, refresh_ttl=60))
    await people.register()
    grant = await people.login()
    assert grant.expires_in == 60
    assert (await people.accounts.authenticate(grant.access_token)).expires_at == people.clock.now() + 60_000
    await people.close()


async def test_a_token_of_one_kind_is_not_good_for_the_other(people: People) -> None:
    await people.register()
    grant = await people.login()
    with pytest.raises(Unauthenticated):
        await people.accounts.authenticate(grant.refresh_token)
    with pytest.raises(Unauthenticated):
        await people.accounts.refresh(grant.access_token)
    assert people.fanout.ended == []


async def test_an_identity_follows_the_account_and_not_the_token(people: People) -> None:
    user = await people.register()
    grant = await people.login()
    await people.change(replace(user, username="Anna", is_admin=True))
    identity = await people.accounts.authenticate(grant.access_token)
    assert (identity.username, identity.is_admin) == ("Anna", True)


async def test_a_token_of_a_lost_database_does_not_open_the_session_that_has_its_id_now(people: People) -> None:
    await people.register("Ann")
    lost = await people.login("Ann")
    restored = People(people.policy)
    restored.clock.advance(1)
    await restored.register("Bob")
    now = await restored.login("Bob")
    assert (now.session_id, now.user.id) == (lost.session_id, lost.user.id)
    with pytest.raises(Unauthenticated):
        await restored.accounts.authenticate(lost.access_token)
    with pytest.raises(Unauthenticated):
        await restored.accounts.refresh(lost.refresh_token)
    await restored.accounts.authenticate(now.access_token)
    await restored.close()


# Tickets


async def test_a_ticket_is_good_once_for_as_long_as_the_token_shown_for_it(people: People) -> None:
    await people.register()
    grant = await people.login()
    identity = await people.accounts.authenticate(grant.access_token)
    people.clock.advance(60)
    ticket = await people.accounts.issue_ticket(identity)
    people.clock.advance(29)
    assert await people.accounts.redeem_ticket(ticket) == identity
    with pytest.raises(Unauthenticated):
        await people.accounts.redeem_ticket(ticket)


async def test_a_ticket_expires_after_its_seconds_or_with_the_token(people: People) -> None:
    await people.register()
    identity = await people.sign_in()
    ticket = await people.accounts.issue_ticket(identity)
    people.clock.advance(30)
    with pytest.raises(Unauthenticated):
        await people.accounts.redeem_ticket(ticket)
    people.clock.advance(900 - 30 - 10)
    ticket = await people.accounts.issue_ticket(identity)
    people.clock.advance(10)
    with pytest.raises(Unauthenticated):
        await people.accounts.redeem_ticket(ticket)


async def test_a_ticket_ends_with_its_session(people: People) -> None:
    await people.register()
    identity = await people.sign_in()
    ticket = await people.accounts.issue_ticket(identity)
    await people.accounts.logout(identity)
    with pytest.raises(Unauthenticated):
        await people.accounts.redeem_ticket(ticket)
    with pytest.raises(Unauthenticated):
        await people.accounts.issue_ticket(identity)


async def test_a_ticket_does_not_outlive_an_expired_session(people: People) -> None:
    await people.register()
    identity = await people.sign_in()
    await people.store.write(
        lambda tx: tx.sessions.rotate(
            identity.session_id,
            generation=1,
            attempt=None,
            at=people.clock.now(),
            expires_at=Millis(people.clock.now() + 10_000),
        )
    )
    ticket = await people.accounts.issue_ticket(identity)
    people.clock.advance(10)
    with pytest.raises(TokenExpired):
        await people.accounts.redeem_ticket(ticket)


async def test_a_ticket_that_was_tampered_with_is_unknown(people: People) -> None:
    await people.register()
    ticket = await people.accounts.issue_ticket(await people.sign_in())
    secret, _, until = ticket.rpartition(".")
    assert len(secret) == 43
    for bad in (f"{secret}.{int(until) + 1}", secret, f"{secret}.", "", "\ud800", "x" * 100_000):
        with pytest.raises(Unauthenticated):
            await people.accounts.redeem_ticket(bad)
    await people.accounts.redeem_ticket(ticket)


async def test_each_ticket_is_another(people: People) -> None:
    await people.register()
    identity = await people.sign_in()
    assert len({await people.accounts.issue_ticket(identity) for _ in range(20)}) == 20


# Sign out


async def test_a_token_stops_working_at_once_when_its_session_is_signed_out(people: People) -> None:
    await people.register()
    gone, stays = await people.login(), await people.login()
    identity = await people.accounts.authenticate(gone.access_token)
    for _ in range(2):
        await people.accounts.logout(identity)
    for use in (people.accounts.authenticate(gone.access_token), people.accounts.refresh(gone.refresh_token)):
        with pytest.raises(Unauthenticated):
            await use
    assert set(people.fanout.ended) == {gone.session_id}
    await people.accounts.authenticate(stays.access_token)


async def test_another_device_can_be_signed_out_but_only_ones_own(people: People) -> None:
    ann, bob = await people.register("Ann"), await people.register("Bob")
    theirs, mine = await people.login("Ann"), await people.login("Bob")
    for session_id in (theirs.session_id, SessionId(99)):
        with pytest.raises(NotFound, match=f"there is no session {session_id}"):
            await people.accounts.end_session(bob.id, session_id)
    assert people.fanout.ended == []
    await people.accounts.end_session(bob.id, mine.session_id)
    assert people.fanout.ended == [mine.session_id]
    assert await people.accounts.sessions(bob.id) == []
    assert len(await people.accounts.sessions(ann.id)) == 1


async def test_sessions_are_ones_own_the_last_used_first(people: People) -> None:
    ann, _ = await people.register("Ann"), await people.register("Bob")
    first, second, _bobs = [await people.login(login) for login in ("Ann", "Ann", "Bob")]
    people.clock.advance(1)
    await people.accounts.refresh(first.refresh_token)
    assert [session.id for session in await people.accounts.sessions(ann.id)] == [first.session_id, second.session_id]
    assert await people.accounts.sessions(UserId(99)) == []


async def test_changing_the_password_signs_out_all_other_devices(people: People) -> None:
    await people.register("Bob")
    bob = await people.login("Bob")
    await people.register("Ann")
    one, two, three = [await people.login() for _ in range(3)]
    identity = await people.accounts.authenticate(two.access_token)
    await people.accounts.change_password(identity, PASSWORD, "another horse")
    assert set(people.fanout.ended) == {one.session_id, three.session_id}
    for grant in (two, bob):
        await people.accounts.authenticate(grant.access_token)
        await people.accounts.refresh(grant.refresh_token)
    for grant in (one, three):
        with pytest.raises(Unauthenticated):
            await people.accounts.authenticate(grant.access_token)
    with pytest.raises(Unauthenticated):
        await people.login(password=PASSWORD)
    await people.login(password="another horse")


@pytest.mark.parametrize("old", ["wrong horse", "", "x" * (MAX_PASSWORD + 1), "correct\ud800horse"])
async def test_a_password_is_not_changed_by_who_does_not_know_it(people: People, old: str) -> None:
    user = await people.register()
    identity = await people.sign_in()
    await people.login()
    with pytest.raises(Forbidden) as refused:
        await people.accounts.change_password(identity, old, "another horse")
    assert refused.value.field == "old_password"
    assert await people.stored(user) == user
    assert people.fanout.ended == []


async def test_a_new_password_has_to_keep_the_rules(people: People) -> None:
    user = await people.register()
    with pytest.raises(Invalid) as refused:
        await people.accounts.change_password(await people.sign_in(), PASSWORD, "short")
    assert refused.value.field == "new_password"
    assert await people.stored(user) == user


async def test_of_two_changes_of_a_password_at_once_the_second_is_refused(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = await people.register()
    identity = await people.sign_in()
    await change_after_verify(people, monkeypatch, user)
    with pytest.raises(Unauthenticated):
        await people.accounts.change_password(identity, PASSWORD, "another horse")
    assert (await people.stored(user)).password_hash == "!"


async def test_purging_ends_what_has_expired_and_nothing_else(people: People) -> None:
    user = await people.register()
    old = await people.login()
    await people.accounts.purge()
    assert people.fanout.ended == []
    people.clock.advance(20 * DAY)
    young = await people.login()
    people.clock.advance(10 * DAY + 1)
    await people.accounts.purge()
    assert people.fanout.ended == [old.session_id]
    assert [session.id for session in await people.accounts.sessions(user.id)] == [young.session_id]
    assert await people.store.read(lambda tx: tx.sessions.get(old.session_id)) is None


# Secrets


async def test_no_repr_and_no_log_holds_a_secret(people: People, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        user = await people.register()
        first = await people.login()
        second = await people.accounts.refresh(first.refresh_token)
        ticket = await people.accounts.issue_ticket(await people.accounts.authenticate(second.access_token))
        with pytest.raises(Unauthenticated) as refused:
            await people.accounts.refresh(first.refresh_token)
    shown = f"{user!r} {first!r} {second!r} {refused.value!r} {caplog.text}"
    for grant in (first, second):
        assert grant.access_token not in shown
        assert grant.refresh_token not in shown
    for secret in (PASSWORD, user.password_hash, ticket):
        assert secret not in shown


async def test_only_the_hash_of_a_ticket_is_kept(people: People) -> None:
    await people.register()
    identity = await people.sign_in()
    ticket = await people.accounts.issue_ticket(identity)
    now = people.clock.now()
    assert await people.store.write(lambda tx: tx.sessions.take_ticket(ticket.encode(), now)) is None
