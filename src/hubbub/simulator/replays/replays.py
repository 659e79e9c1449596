"""A transcript of another chat, through the real services, into one channel.

The log of the channel is compared with the transcript twice: before the replay, to go on where an earlier one ended,
and after it, to prove that everything has arrived, once, in order and unchanged.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from hubbub.domain.errors import ChatError, Unavailable
from hubbub.domain.events import RoomKind
from hubbub.domain.ids import RoomId, UserId
from hubbub.services.changes import Answer, Done, Draft
from hubbub.services.clocks import SystemClock
from hubbub.services.imports import ImportedPerson, Imports
from hubbub.services.journal import Journal
from hubbub.services.logs import Logs
from hubbub.services.ports import MAX_PAGE, Store
from hubbub.services.rooms import Rooms
from hubbub.simulator.audience import Nobody
from hubbub.simulator.logs import read_log
from hubbub.simulator.pages import all_pages
from hubbub.simulator.replays.comparisons import Comparison, compare
from hubbub.simulator.replays.transcripts import Step, StepKind, Transcript, person

WINDOW = 2000  # changes on their way at once: a batch of the journal that is being written, and one that waits
PEOPLE_AT_ONCE = 500  # accounts made in one transaction
OWNER = ImportedPerson("replay", "replay", "Replay")  # the owner of a channel can't leave: so it is nobody who is in it


@dataclass(frozen=True, slots=True)
class Refused:
    """A step that the chat did not allow."""

    step: Step
    error: ChatError


class Replay:
    """One run: `prepare`, `submit` and `check`, once each and in this order; and `close`, whatever happens."""

    def __init__(self, store: Store, transcript: Transcript) -> None:
        clock = SystemClock()
        # All of it comes from one: nobody's turn is before what somebody else said earlier.
        self._journal = Journal(store, clock, Nobody(), party=lambda _: None)
        self._imports = Imports(store, self._journal, clock)
        self._rooms = Rooms(store, self._journal)
        self._logs = Logs(store)
        self._transcript = transcript
        self._user_ids: dict[str, UserId] = {}
        self._owner_id = UserId(0)
        self._room_id = RoomId(0)

    async def prepare(self, channel: str) -> Comparison:
        """Make the accounts and the channel, as far as they are not there; and how much of the transcript is."""
        (owner,) = await self._imports.users([OWNER])
        self._owner_id = owner.id
        nicks = list(self._transcript.nicks)
        for start in range(0, len(nicks), PEOPLE_AT_ONCE):
            some = nicks[start : start + PEOPLE_AT_ONCE]
            users = await self._imports.users([person(nick) for nick in some])
            self._user_ids.update((nick, user.id) for nick, user in zip(some, users, strict=True))
        self._room_id = await self._find_or_create(channel)
        return await self.check()

    async def submit(self, steps: Sequence[Step], progressed: Callable[[], None]) -> list[Refused]:
        """Let these steps happen in their order; those that were refused. Raise Unavailable: then start again.

        Many are on their way at once, so that the journal commits them together; the order is that of the journal.
        """
        window = asyncio.Semaphore(WINDOW)
        refused: list[Refused] = []
        failures: list[Unavailable] = []

        def done(step: Step, answer: Answer) -> None:
            window.release()
            progressed()
            if isinstance(answer, Unavailable):
                failures.append(answer)
            elif isinstance(answer, ChatError):
                refused.append(Refused(step, answer))

        for step in steps:
            await window.acquire()
            if failures:
                break  # whether it happened is not known: what follows must not overtake it
            self._submit(step, partial(done, step))
        await self._journal.close()
        if failures:
            raise failures[0]
        return refused

    async def check(self) -> Comparison:
        """Read the whole log of the channel, by pages, and compare it with the transcript."""
        return await compare(
            read_log(self._logs, self._owner_id, self._room_id), self._transcript.steps, self._user_ids
        )

    async def close(self) -> None:
        await self._journal.close()

    def _submit(self, step: Step, done: Done) -> None:
        user_id = self._user_ids[step.nick]
        match step.kind:
            case StepKind.MESSAGE:
                draft = Draft(step.text, step.client_id)
                self._imports.submit_post(user_id, self._room_id, draft, step.at, done)
            case StepKind.JOIN:
                self._imports.submit_join(user_id, self._room_id, step.at, done)
            case StepKind.LEAVE:
                self._imports.submit_leave(user_id, self._room_id, step.at, done)

    async def _find_or_create(self, channel: str) -> RoomId:
        owner_id = self._owner_id
        rooms = await all_pages(lambda cursor: self._rooms.page(owner_id, cursor=cursor, limit=MAX_PAGE))
        for room in rooms:
            if room.name == channel:
                return room.room_id
        return (await self._rooms.create(owner_id, RoomKind.CHANNEL, name=channel)).room_id
