"""The page about the protocol shows frames that exist, and all of them; its tables are those of the code."""

import json
import re
from collections.abc import Iterator
from typing import get_args

import pytest

from hubbub.domain.errors import error_classes
from hubbub.domain.events import Event
from hubbub.realtime import presence, read_signals, typing_signals, watch
from hubbub.realtime.cluster import MEMBERS, SESSIONS
from hubbub.realtime.connection import MAX_BAD_FRAMES
from hubbub.realtime.gateway import HELLO_ROOMS
from hubbub.realtime.joins import MAX_SYNC
from hubbub.realtime.signals import PRESENCE, SIGNALS
from hubbub.services.queues import MAX_BATCH, MAX_BATCH_TEXT
from hubbub.settings import Settings
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode, may_resume
from hubbub.wire.codec import decode_client, decode_server, encode
from hubbub.wire.limits import MAX_WATCHED, Limits
from tests.guards.project import ROOT

PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


def examples() -> Iterator[tuple[str, str]]:
    """Each example frame, and who sends it."""
    for block in re.findall(r"^```text\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            yield line[:1], line[2:]


def rows(section: str) -> list[list[str]]:
    """The cells of the rows of the last table in a section."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    table = text.rpartition("\n|---")[2].partition("\n")[2]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("|")
    ]


def named(cells: list[list[str]]) -> set[str]:
    return {row[0].strip("`") for row in cells}


def types(union: object) -> set[str]:
    return {frame.__struct_config__.tag for frame in get_args(union)}


@pytest.mark.parametrize(("sender", "text"), list(examples()))
def test_an_example_is_a_frame_with_no_field_that_does_not_exist(sender: str, text: str) -> None:
    assert sender in "<>"
    frame = decode_client(text) if sender == ">" else decode_server(text)
    assert json.loads(encode(frame)) == json.loads(text)


def test_every_frame_has_an_example_and_a_row() -> None:
    shown = {sender: {json.loads(text)["type"] for by, text in examples() if by == sender} for sender in "<>"}
    assert shown[">"] == types(wire.ClientFrame) - {"leave"}
    assert shown["<"] == types(wire.ServerFrame)
    assert named(rows("Frames of a client")) == types(wire.ClientFrame)
    servers = PAGE.partition("\n## Frames of the server\n")[2].partition("\n### ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", servers, re.MULTILINE)) == types(wire.ServerFrame)


def test_the_fields_of_each_row_are_those_of_the_frame() -> None:
    classes = {
        frame.__struct_config__.tag: frame for frame in (*get_args(wire.ClientFrame), *get_args(wire.ServerFrame))
    }
    page = PAGE.partition("\n## Frames of a client\n")[2].partition("\n### ")[0]
    for name, described in re.findall(r"^\| `(\w+)` \| ([^|]*) \|", page, re.MULTILINE):
        fields = set(classes[name].__struct_fields__)
        if name == "event":
            assert described.startswith("room_id and the event")
        else:
            words = set(re.findall(r"\b[a-z_]+\b", described))
            assert fields - {"user_id", "status"} <= words, name


def test_what_is_said_of_signals_is_so() -> None:
    text = " ".join(PAGE.partition("\n## Signals\n")[2].partition("\n## ")[0].split())
    for words in (
        f"after {typing_signals.LAPSE:g} seconds without a renewal",
        f"every {typing_signals.RENEWAL:g} seconds at most",
        f"begin {typing_signals.START_BURST} times at once",
        f"more than {typing_signals.CROWD} live connections",
        f"no more than {read_signals.CROWD} connections",
        f"{presence.TEMPO.grace:g} seconds after the last one was closed",
        f"up to {MAX_WATCHED} people",
        f"offline after {presence.TEMPO.lease:g} seconds",
    ):
        assert words in text


def test_what_is_said_of_the_size_of_a_batch_is_so() -> None:
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert f"at most {MAX_BATCH:,} changes and {MAX_BATCH_TEXT // 2**20} MiB of text" in architecture


def test_what_is_said_of_many_nodes_is_so() -> None:
    architecture = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    text = " ".join(architecture.partition("\n## Many nodes\n")[2].partition("\n## ")[0].split())
    for words in (
        f"Every {watch.LOOK:g} seconds",
        f"the lists of rooms | `members` | by a look within {watch.ROUND * watch.LOOK:g} s",
        f"ends by itself after {typing_signals.LAPSE:g} s",
        f"the next round of {presence.TEMPO.beats * presence.TEMPO.beat:g} s",
        f"offline after {presence.TEMPO.lease:g} s",
        *(f"| `{subject}` |" for subject in (MEMBERS, SESSIONS, SIGNALS, PRESENCE)),
    ):
        assert words in text


def test_the_kinds_of_events_are_all_there() -> None:
    kinds = set(re.findall(r"^\| `(\w+\.\w+)` \|", PAGE, re.MULTILINE))
    assert kinds == {event.kind for event in get_args(Event)}


def test_the_close_codes_are_all_there_and_say_whether_to_come_again() -> None:
    again = {int(row[0]): row[2] for row in rows("The end")}
    assert again == {int(code): "yes" if may_resume(code) else "no" for code in CloseCode}


def test_the_error_codes_are_all_there() -> None:
    assert named(rows("Errors")) == error_classes().keys()


def test_the_limits_are_the_defaults() -> None:
    defaults, settings = Limits(), Settings.model_fields
    assert [row[1] for row in rows("Limits")] == [
        f"{defaults.frame_bytes:,}",
        f"{defaults.inflight}",
        f"{defaults.frame_rate:g}",
        f"{defaults.frame_burst}",
        f"{MAX_BAD_FRAMES}",
        "16,384",
        f"{MAX_SYNC}",
        f"{MAX_WATCHED}",
        f"{defaults.user_sockets}",
        f"{settings['request_rate'].default:g}, or {settings['request_burst'].default} at once",
        f"{defaults.auth_timeout:g} s",
        f"{defaults.outbox_frames}, or 1 MiB",
        f"{defaults.stuck_timeout:g} s",
    ]
    assert f"up to {HELLO_ROOMS} rooms" in PAGE
    assert f"Every {defaults.heartbeat:g} seconds" in PAGE
    assert f"within {defaults.pong_timeout:g} seconds" in PAGE
