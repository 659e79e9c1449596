"""Refreshes that are repeated because their answer was lost, and those that are not."""

import asyncio
from hashlib import sha256

import pytest

from hubbub.domain.errors import Invalid, TokenExpired, Unauthenticated
from tests.unit.services.people import People

DAY = 24 * 60 * 60  # seconds
WORD = "a-word-of-its-own"


async def test_a_refresh_whose_answer_was_lost_is_repeated_with_its_word(people: People) -> None:
    user = await people.register()
    first = await people.login()
    lost = await people.accounts.refresh(first.refresh_token, WORD)
    (session,) = await people.accounts.sessions(user.id)
    people.clock.advance(20 * DAY)  # the lid was closed meanwhile
    again = await people.accounts.refresh(first.refresh_token, WORD)
    assert (again.user, again.session_id, again.refresh_token) == (user, first.session_id, lost.refresh_token)
    assert again.expires_in == 900
    await people.accounts.authenticate(again.access_token)
    assert await people.accounts.sessions(user.id) == [session]
    assert (await people.accounts.refresh(again.refresh_token)).session_id == first.session_id
    assert people.fanout.ended == []


@pytest.mark.parametrize("attempt", [None, "another-word-of-it", WORD.upper()])
async def test_an_old_token_without_the_word_of_its_refresh_is_a_theft(people: People, attempt: str | None) -> None:
    await people.register()
    first = await people.login()
    second = await people.accounts.refresh(first.refresh_token, WORD)
    with pytest.raises(Unauthenticated):
        await people.accounts.refresh(first.refresh_token, attempt)
    assert people.fanout.ended == [first.session_id]
    for use in (
        people.accounts.authenticate(second.access_token),
        people.accounts.refresh(second.refresh_token),
        people.accounts.refresh(first.refresh_token, WORD),
    ):
        with pytest.raises(Unauthenticated):
            await use


async def test_a_word_answers_for_no_refresh_that_came_without_one(people: People) -> None:
    await people.register()
    first = await people.login()
    await people.accounts.refresh(first.refresh_token)
    with pytest.raises(Unauthenticated):
        await people.accounts.refresh(first.refresh_token, WORD)
    assert people.fanout.ended == [first.session_id]


async def test_a_refresh_is_not_repeated_once_its_successor_was_used(people: People) -> None:
    await people.register()
    first = await people.login()
    second = await people.accounts.refresh(first.refresh_token, WORD)
    await people.accounts.refresh(second.refresh_token, WORD)
    with pytest.raises(Unauthenticated):
        await people.accounts.refresh(first.refresh_token, WORD)
    assert people.fanout.ended == [first.session_id]


async def test_a_refresh_is_not_repeated_after_the_end_of_its_token(people: People) -> None:
    await people.register()
    first = await people.login()
    people.clock.advance(DAY)
    second = await people.accounts.refresh(first.refresh_token, WORD)
    people.clock.advance(29 * DAY)
    with pytest.raises(TokenExpired):
        await people.accounts.refresh(first.refresh_token, WORD)
    await people.accounts.refresh(second.refresh_token)  # it was no theft
    assert people.fanout.ended == []


async def test_equal_refreshes_at_once_get_the_same_token(people: People) -> None:
    await people.register()
    first = await people.login()
    grants = await asyncio.gather(*(people.accounts.refresh(first.refresh_token, WORD) for _ in range(4)))
    assert len({grant.refresh_token for grant in grants}) == 1
    assert people.fanout.ended == []


async def test_a_repeat_of_a_session_that_has_ended_gets_nothing(people: People) -> None:
    await people.register()
    first = await people.login()
    lost = await people.accounts.refresh(first.refresh_token, WORD)
    await people.accounts.logout(await people.accounts.authenticate(lost.access_token))
    with pytest.raises(Unauthenticated):
        await people.accounts.refresh(first.refresh_token, WORD)


@pytest.mark.parametrize(
    "attempt", ["", "x" * 15, "x" * 65, "with a space in it", "é" * 20, "x" * 20 + "\n", "\ud800" * 16]
)
async def test_a_bad_word_is_refused_and_costs_nothing(people: People, attempt: str) -> None:
    await people.register()
    first = await people.login()
    with pytest.raises(Invalid, match="attempt"):
        await people.accounts.refresh(first.refresh_token, attempt)
    for word in ("x" * 16, "aZ09_-" + "x" * 58):
        first = await people.accounts.refresh(first.refresh_token, word)


async def test_only_the_hash_of_a_word_is_kept(people: People) -> None:
    user = await people.register()
    await people.accounts.refresh((await people.login()).refresh_token, WORD)
    (session,) = await people.accounts.sessions(user.id)
    assert session.attempt == sha256(WORD.encode()).digest()
    assert "attempt" not in repr(session)
