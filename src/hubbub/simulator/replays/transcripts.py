"""Transcripts of other chats: from lines of JSON to what has to happen in a channel, in this order.

    {"at": "2026-11-22T09:00:00Z", "kind": "join", "user": "ann"}
    {"at": "2026-11-22T09:00:05Z", "kind": "message", "user": "ann", "text": "hello"}
    {"at": "2026-11-22T09:01:00Z", "kind": "leave", "user": "ann"}

The same lines give the same steps in every run, whatever the database holds: that makes a replay repeatable.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum

from hubbub.domain.errors import ChatError, Invalid
from hubbub.domain.ids import Millis
from hubbub.domain.texts import MAX_NAME, MAX_USERNAME, MIN_USERNAME, check_name, check_text
from hubbub.services.imports import ImportedPerson

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # all but tab and line feed


class StepKind(Enum):
    JOIN = "join"
    MESSAGE = "message"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Step:
    """One event that has to happen. A line of somebody who speaks without having joined makes two."""

    line: int
    at: Millis
    kind: StepKind
    nick: str
    text: str = ""

    @property
    def client_id(self) -> str:
        """Names a message by its line, so that it is the same message in every run."""
        return f"line-{self.line}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A line that nothing comes of."""

    line: int
    reason: str
    malformed: bool


@dataclass(slots=True)
class Transcript:
    nicks: dict[str, None] = field(default_factory=dict)  # everybody, in the order in which they are first seen
    steps: list[Step] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    joined_by_speaking: int = 0
    with_controls: int = 0  # messages in which control characters were made visible


def read_transcript(lines: Iterable[bytes]) -> Transcript:
    """Follow who is in the channel, line by line. Empty lines are passed over."""
    transcript = Transcript()
    present: set[str] = set()
    for number, line in enumerate(lines, start=1):
        if line.isspace():
            continue
        try:
            step = _read_line(number, line)
        except ValueError as error:
            transcript.skipped.append(Skipped(number, str(error), malformed=True))
            continue
        transcript.nicks[step.nick] = None
        try:
            _take(transcript, present, step)
        except ChatError as error:
            transcript.skipped.append(Skipped(number, str(error), malformed=False))
    return transcript


def person(nick: str) -> ImportedPerson:
    """The account of a nick: found again by a digest of it, shown as it is, and named as usernames allow."""
    identity = hashlib.sha256(nick.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    username = _username(nick)
    display_name = show_controls(nick)[:MAX_NAME].strip()
    try:
        check_name(display_name)
    except Invalid:
        display_name = username
    return ImportedPerson(identity, username, display_name)


def show_controls(text: str) -> str:
    """Control characters as Unicode control pictures: U+0008 becomes U+2408, and C1 the escape that it stands for."""
    return _CONTROLS.sub(lambda control: _picture(ord(control[0])), text)


def _picture(code: int) -> str:
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return "\u241b" + chr(code - 0x40)  # U+0085 is ESC E (ECMA-48 5.3)


def _username(nick: str) -> str:
    plain = unicodedata.normalize("NFKD", nick).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", plain).lstrip("._-")[:MAX_USERNAME]
    return name if len(name) >= MIN_USERNAME else f"user-{name}".rstrip("-")


def _take(transcript: Transcript, present: set[str], step: Step) -> None:
    """Add the steps of a line. Raise Invalid when nothing can come of it."""
    is_present = step.nick in present
    match step.kind:
        case StepKind.JOIN:
            if is_present:
                raise Invalid("joined, but was there already")
            present.add(step.nick)
        case StepKind.LEAVE:
            if not is_present:
                raise Invalid("left, but was not there")
            present.remove(step.nick)
        case StepKind.MESSAGE:
            text = check_text(show_controls(step.text))
            transcript.with_controls += text != step.text
            if not is_present:
                present.add(step.nick)
                transcript.joined_by_speaking += 1
                transcript.steps.append(Step(step.line, step.at, StepKind.JOIN, step.nick))
            step = Step(step.line, step.at, step.kind, step.nick, text)
    transcript.steps.append(step)


def _read_line(number: int, line: bytes) -> Step:
    """Raise ValueError for a line that is not of the form above."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")
    at, kind, nick, text = (found.get(key) for key in ("at", "kind", "user", "text"))
    kinds = [kind.value for kind in StepKind]
    if kind not in kinds:
        raise ValueError(f"kind must be one of {', '.join(kinds)}")
    if not isinstance(nick, str) or not nick:
        raise ValueError("user must be a name")
    if kind != "message":
        text = ""
    elif not isinstance(text, str):
        raise ValueError("a message must have a text")
    return Step(number, _read_time(at), StepKind(kind), nick, text)


def _read_time(at: object) -> Millis:
    try:
        moment = datetime.fromisoformat(re.sub("Z$", "+00:00", at if isinstance(at, str) else ""))
        return Millis((moment - _EPOCH) // timedelta(milliseconds=1))
    except (ValueError, TypeError):  # TypeError: a time without a zone
        raise ValueError("at must be a time like 2026-11-22T09:00:00Z") from None
