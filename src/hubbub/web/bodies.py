"""What REST requests may hold. The rules of texts are the domain's; here are types and bounds.

Fields that a body does not know are ignored, so that a client may be newer than its server.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue
from pydantic.config import JsonDict
from pydantic.fields import FieldInfo

from hubbub.domain.events import History
from hubbub.domain.ids import MAX_ID, Seq, UserId
from hubbub.domain.members import Role
from hubbub.domain.rooms import MAX_FIRST_MEMBERS
from hubbub.domain.texts import (
    MAX_ATTEMPT,
    MAX_CLIENT_ID,
    MAX_EMAIL,
    MAX_NAME,
    MAX_PASSWORD,
    MAX_TEXT,
    MAX_TOPIC,
    MAX_USERNAME,
    MIN_ATTEMPT,
    MIN_PASSWORD,
    MIN_USERNAME,
    check_text,
)

_Number = Field(strict=True, ge=1, le=MAX_ID)  # strict: true is not 1, and "1" is not either
_UserId = Annotated[UserId, _Number]
_Seq = Annotated[Seq, _Number]


def _text(least: int, most: int, **more: JsonValue) -> FieldInfo:
    """Say in OpenAPI what the domain will check: its refusals have the better words."""
    described: FieldInfo = Field(json_schema_extra={"minLength": least, "maxLength": most, **more})
    return described


_Username = Annotated[str, _text(MIN_USERNAME, MAX_USERNAME)]
_Email = Annotated[str, _text(3, MAX_EMAIL, format="email")]
_Password = Annotated[str, _text(MIN_PASSWORD, MAX_PASSWORD, format="password")]
_Name = Annotated[str, _text(1, MAX_NAME)]
_Topic = Annotated[str, _text(0, MAX_TOPIC)]
# Checked here too: of a repeat the domain looks at the client_id first.
_Text = Annotated[
    str,
    AfterValidator(check_text),
    Field(description=f"At most {MAX_TEXT} bytes of UTF-8.", json_schema_extra={"minLength": 1}),
]
_Attempt = Annotated[str, _text(MIN_ATTEMPT, MAX_ATTEMPT, pattern="^[A-Za-z0-9_-]*$")]
_ClientId = Annotated[str, _text(1, MAX_CLIENT_ID)]


def _example(fields: JsonDict) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [fields]}, frozen=True, hide_input_in_errors=True)


class Registration(BaseModel):
    model_config = _example(
        {
            "username": "ann",
            "email": "ann@example.org",
            "password": "correct horse battery",
            "display_name": "Ann Lee",
        }
    )

    username: _Username
    email: _Email
    password: _Password
    display_name: _Name | None = None


class Login(BaseModel):
    """`username` may be the e-mail address; `label` is what the device calls itself in the list of sessions."""

    model_config = _example({"username": "ann", "password": "correct horse battery", "label": "Ann's laptop"})

    username: str
    password: str
    label: str = ""


class Refresh(BaseModel):
    """`attempt` is a random word of the client's own, the same for each repeat of this refresh and for nothing else."""

    model_config = _example({"refresh_token": "eyJhbGciOiJIUzI1NiJ9…", "attempt": "ZkVv0rYw2mX9cTqL7hJp5A"})

    refresh_token: str
    attempt: _Attempt | None = None


class PasswordChange(BaseModel):
    model_config = _example({"old_password": "correct horse battery", "new_password": "staple the battery"})

    old_password: str
    new_password: _Password


class ProfileChange(BaseModel):
    """What is left out stays as it is. Another e-mail address needs the password."""

    model_config = _example({"display_name": "Ann Lee-Smith"})

    display_name: _Name | None = None
    email: _Email | None = None
    password: str | None = None


class AccountChange(BaseModel):
    """Nobody can sign in to an account that is disabled."""

    model_config = _example({"disabled": True})

    disabled: Annotated[bool, Field(strict=True)]


class NewRoom(BaseModel):
    model_config = _example({"kind": "group", "name": "Garden", "topic": "Tomatoes and their enemies"})

    kind: Literal["group", "channel"]
    name: _Name
    topic: _Topic = ""
    history: History = History.ALL
    member_ids: list[_UserId] = Field(default=[], max_length=MAX_FIRST_MEMBERS)


class NewDirectRoom(BaseModel):
    model_config = _example({"user_id": 2})

    user_id: _UserId


class RoomChange(BaseModel):
    """What is left out stays as it is."""

    model_config = _example({"topic": "Now about pumpkins"})

    name: _Name | None = None
    topic: _Topic | None = None


class MemberChange(BaseModel):
    """Without a role a newcomer becomes a plain member, and who is one already keeps theirs."""

    model_config = _example({"role": "admin"})

    role: Role | None = None


class NewMessage(BaseModel):
    """A `client_id` makes it safe to send the same again; the header `Idempotency-Key` says the same."""

    model_config = _example({"text": "The first tomato is ripe.", "client_id": "7d1f0c9a"})

    text: _Text
    client_id: _ClientId | None = None
    reply_to: _Seq | None = None


class MessageChange(BaseModel):
    model_config = _example({"text": "The first two tomatoes are ripe."})

    text: _Text


class ReadMark(BaseModel):
    model_config = _example({"seq": 415})

    seq: Annotated[Seq, Field(strict=True, ge=0, le=MAX_ID)]
