"""People, and what they said, taken over from another chat.

An imported user has an account that nobody can sign in to until it is given a password: in the place of a hash stands a
word that no hash function makes. It is known by its address, which nobody else can have. Their messages and memberships
carry the time at which they happened, not that of the import.

An import is for whoever runs the server, not for its users: nobody is asked for permission to make accounts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hubbub.domain.errors import Invalid
from hubbub.domain.events import Event
from hubbub.domain.ids import Millis, RoomId, UserId
from hubbub.domain.rooms import ChatRoom
from hubbub.domain.texts import MAX_USERNAME, check_email, check_name, check_username
from hubbub.domain.users import User
from hubbub.services.changes import Change, Done, Draft
from hubbub.services.display_names import holder
from hubbub.services.journal import Journal
from hubbub.services.ports import Clock, Store, Tx

UNUSABLE_HASH = "!"  # as in /etc/shadow: it is not a hash, so no password has it
_DOMAIN = "@import.invalid"  # RFC 2606 2: no mail is ever delivered there


@dataclass(frozen=True, slots=True)
class ImportedPerson:
    """Somebody from elsewhere. The same `identity`, a word that an e-mail may begin with, is the same person."""

    identity: str
    username: str  # wanted; when another account has it, a number is put behind
    display_name: str  # wanted; when it is the username of another account, that of their own is shown


class Imports:
    """Use cases about what comes from elsewhere."""

    def __init__(self, store: Store, journal: Journal, clock: Clock) -> None:
        self._store = store
        self._journal = journal
        self._clock = clock

    async def users(self, people: Sequence[ImportedPerson]) -> list[User]:
        """The accounts of these people, in their order; those who have none yet get one. All or nothing.

        An account belongs to an identity because an import made it: one of the same name that somebody registered is
        left alone. Raise Invalid.
        """
        for person in people:
            check_username(person.username)
            check_name(person.display_name, field="display_name")
            check_email(_email(person))
        now = self._clock.now()
        return await self._store.write(lambda tx: [_find_or_add(tx, person, now) for person in people])

    def submit_post(self, user_id: UserId, room_id: RoomId, draft: Draft, at: Millis, done: Done) -> None:
        """Somebody said something at that time; `done` as in `Journal.submit`."""

        def decide(room: ChatRoom, _: Millis) -> tuple[Event, ...]:
            return (room.post(user_id, draft.text, client_id=draft.client_id, at=at),)

        self._journal.submit(Change(room_id, user_id, decide, draft=draft, text=draft.text), done)

    def submit_join(self, user_id: UserId, room_id: RoomId, at: Millis, done: Done) -> None:
        """Somebody came into a channel at that time."""
        self._journal.submit(Change(room_id, user_id, lambda room, _: room.join(user_id, at=at)), done)

    def submit_leave(self, user_id: UserId, room_id: RoomId, at: Millis, done: Done) -> None:
        """Somebody left at that time."""
        self._journal.submit(
            Change(room_id, user_id, lambda room, _: room.remove_member(user_id, user_id, at=at)), done
        )


def _find_or_add(tx: Tx, person: ImportedPerson, now: Millis) -> User:
    email = _email(person)
    known = tx.users.find(email)
    if known is not None:
        return known
    username = _free_username(tx, person.username)
    return tx.users.add(
        username=username,
        email=email,
        display_name=person.display_name if holder(tx, person.display_name) is None else username,
        password_hash=UNUSABLE_HASH,
        at=now,
    )


def _free_username(tx: Tx, wanted: str) -> str:
    candidate, number = wanted, 1
    while tx.users.find(candidate) is not None:
        number += 1
        suffix = f"-{number}"
        candidate = wanted[: MAX_USERNAME - len(suffix)] + suffix
    return candidate


def _email(person: ImportedPerson) -> str:
    return person.identity + _DOMAIN


def require_not_imported(email: str) -> None:
    """Raise Invalid for the address of an import: who has it is taken for the imported person."""
    if email.lower().endswith(_DOMAIN):
        raise Invalid(f"no account but an imported one can have an address that ends in {_DOMAIN}", field="email")
