"""Ids and bounds in the paths and queries of REST requests."""

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import BeforeValidator, Field
from starlette.convertors import Convertor, register_url_convertor

from hubbub.domain.ids import MAX_ID, RoomId, Seq, SessionId, UserId
from hubbub.services.cursors import MAX_CURSOR
from hubbub.services.ports import MAX_PAGE
from hubbub.wire.position import PLACE

# Numbers in a URL are digits and nothing else: pydantic would also take 1_000, 1.0 and white space.
_DIGITS = "[0-9]{1,16}"


def _digits(value: object) -> object:
    if isinstance(value, str) and not re.fullmatch(_DIGITS, value):
        raise ValueError("must be a whole number of at most 16 digits")
    return value


UrlNumber = BeforeValidator(_digits)


class Number(Convertor[int]):
    """`{room_id:number}` in a path: whatever is no number is no such path, rather than a room of a strange name."""

    regex = _DIGITS

    def convert(self, value: str) -> int:
        return int(value)

    def to_string(self, value: int) -> str:
        return str(value)


class NumberOrMe(Convertor[str]):
    """`{user_id:number_or_me}` in a path: `me` is who asks."""

    regex = f"{_DIGITS}|me"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("number", Number())
register_url_convertor("number_or_me", NumberOrMe())

RoomIdInPath = Annotated[RoomId, Path(alias="room_id", ge=1, le=MAX_ID, examples=[1])]
UserIdInPath = Annotated[UserId, Path(alias="user_id", ge=1, le=MAX_ID, examples=[1])]
MemberIdInPath = Annotated[
    Annotated[UserId, Field(ge=1, le=MAX_ID)] | Literal["me"], Path(alias="user_id", examples=["me"])
]
UserIdsInQuery = Annotated[
    Sequence[Annotated[UserId, UrlNumber, Field(ge=1, le=MAX_ID)]],
    Query(alias="id", max_length=MAX_PAGE, description="Only these people, instead of a search."),
]
SessionIdInPath = Annotated[SessionId, Path(alias="session_id", ge=1, le=MAX_ID, examples=[1])]
SeqInPath = Annotated[Seq, Path(alias="seq", ge=1, le=MAX_ID, examples=[3])]

Limit = Annotated[int, UrlNumber, Query(ge=1, le=MAX_PAGE, description="Most items in the answer.")]
Cursor = Annotated[
    str | None,
    Query(max_length=MAX_CURSOR, description="`next_cursor` of the page before; without it, the first page."),
]
Place = Annotated[str, Field(pattern=PLACE)]  # in a log; for `parse_place`
SeqInQuery = Annotated[Seq, UrlNumber, Field(ge=0, le=MAX_ID)] | None
