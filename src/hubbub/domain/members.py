"""Membership of a room, and the roles that go with it."""

from dataclasses import dataclass
from enum import Enum

from hubbub.domain.ids import Seq, UserId


class Role(Enum):
    """What a member may do, from least to most. A group or channel has exactly one owner at any time."""

    MEMBER = "member"
    ADMIN = "admin"
    OWNER = "owner"

    @property
    def rank(self) -> int:
        return _RANK[self]


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Member:
    """A user in a room. `joined_seq` is the event of the current membership, not of an earlier one."""

    user_id: UserId
    role: Role
    joined_seq: Seq
