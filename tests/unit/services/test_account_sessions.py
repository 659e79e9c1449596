"""Accounts: stay signed in, open sockets, sign out, and keep secrets."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from hubbub.domain.errors import (
    Forbidden,
    Invalid,
    NotFound,
    RateLimited,
    TokenExpired,
    Unauthenticated,
)
from hubbub.domain.ids import Millis, SessionId, UserId
from hubbub.domain.texts import MAX_PASSWORD
from hubbub.services.policies import AccountsPolicy
from hubbub.stores.memory import MemoryStore
from tests.unit.services.chats import FailingStore, turns
from tests.unit.services.people import PASSWORD, People, change_after_verify

DAY = 24 * 60 * 60  # seconds


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


async def test_who_may_not_ask_now_is_refused_before_anything_is_looked_up_or_used(people: People) -> None:
    user = await people.register()
    gone, grant = await people.login(), await people.login()
    await people.accounts.logout(await people.accounts.authenticate(gone.access_token))
    asked: list[int] = []

    def admit(id: int) -> None:
        asked.append(id)
        raise RateLimited("not now", retry_after=1.0)

    for use in (
        people.accounts.authenticate(gone.access_token, admit=admit),
        people.accounts.refresh(gone.refresh_token, admit=admit),
        people.accounts.refresh(grant.refresh_token, admit=admit),
    ):
        with pytest.raises(RateLimited):
            await use
    assert asked == [user.id, gone.session_id, grant.session_id]
    with pytest.raises(Unauthenticated):
        await people.accounts.authenticate(grant.refresh_token, admit=admit)
    assert len(asked) == 3  # nothing is said about what nobody has signed
    await people.accounts.refresh(grant.refresh_token)


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


@pytest.fixture
def busy_store() -> FailingStore:
    return FailingStore(MemoryStore())


@pytest.fixture
async def busy_people(busy_store: FailingStore) -> AsyncIterator[People]:
    people = People(AccountsPolicy(login_rate=0), store=busy_store)
    yield people
    await people.close()


async def test_a_word_that_is_no_ticket_costs_no_write(busy_people: People, busy_store: FailingStore) -> None:
    await busy_people.register()
    ticket = await busy_people.accounts.issue_ticket(await busy_people.sign_in())
    busy_store.writes = 0
    for word in ("", "garbage", f"{ticket}0", "\ud800.1"):
        with pytest.raises(Unauthenticated):
            await busy_people.accounts.redeem_ticket(word)
    assert busy_store.writes == 0


async def test_of_two_uses_of_a_ticket_at_once_one_is_refused(busy_people: People, busy_store: FailingStore) -> None:
    await busy_people.register()
    ticket = await busy_people.accounts.issue_ticket(await busy_people.sign_in())
    busy_store.hold()
    uses = [asyncio.ensure_future(busy_people.accounts.redeem_ticket(ticket)) for _ in range(2)]
    await turns()
    busy_store.release()
    answers = await asyncio.gather(*uses, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["Identity", "Unauthenticated"]


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
