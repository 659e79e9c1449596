import json
import re

import pytest

from hubbub.domain.ids import Millis
from hubbub.domain.texts import check_name, check_username
from hubbub.simulator.replays.transcripts import (
    Skipped,
    Step,
    StepKind,
    Transcript,
    person,
    read_transcript,
    show_controls,
)

AT = "2026-11-22T09:00:00Z"
MILLIS = Millis(1_795_338_000_000)


def transcript(*lines: object) -> Transcript:
    return read_transcript(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)


def said(nick: str, text: str = "hello") -> dict[str, str]:
    return {"at": AT, "kind": "message", "user": nick, "text": text}


def came(nick: str) -> dict[str, str]:
    return {"at": AT, "kind": "join", "user": nick}


def went(nick: str) -> dict[str, str]:
    return {"at": AT, "kind": "leave", "user": nick}


def in_short(found: Transcript) -> list[tuple[int, str, str]]:
    return [(step.line, step.kind.value, step.nick) for step in found.steps]


def test_a_line_makes_a_step_at_its_time() -> None:
    found = transcript(came("ann"), said("ann", "hi"), went("ann"))

    assert found.steps == [
        Step(1, MILLIS, StepKind.JOIN, "ann"),
        Step(2, MILLIS, StepKind.MESSAGE, "ann", "hi"),
        Step(3, MILLIS, StepKind.LEAVE, "ann"),
    ]
    assert found.skipped == []


def test_a_message_is_named_by_its_line() -> None:
    assert transcript(b"\n", said("ann")).steps[-1].client_id == "line-2"


def test_who_speaks_without_having_joined_joins_first() -> None:
    found = transcript(said("ann"), said("ann"), went("ann"), said("ann"))

    assert in_short(found) == [
        (1, "join", "ann"),
        (1, "message", "ann"),
        (2, "message", "ann"),
        (3, "leave", "ann"),
        (4, "join", "ann"),
        (4, "message", "ann"),
    ]
    assert found.joined_by_speaking == 2


def test_nothing_comes_of_who_joins_twice_or_leaves_unseen() -> None:
    found = transcript(came("ann"), came("ann"), went("ben"))

    assert in_short(found) == [(1, "join", "ann")]
    assert found.skipped == [
        Skipped(2, "joined, but was there already", malformed=False),
        Skipped(3, "left, but was not there", malformed=False),
    ]
    assert list(found.nicks) == ["ann", "ben"]


def test_a_text_that_no_message_may_have_is_skipped_and_its_author_does_not_join_by_it() -> None:
    found = transcript(said("ann", " "), said("ann", "x" * 20_000), said("ann", "\ud800"))

    assert found.steps == []
    assert [skipped.reason for skipped in found.skipped] == [
        "text must not be empty",
        "text may have at most 16384 bytes of UTF-8",
        "text holds the forbidden character U+D800",
    ]
    assert not any(skipped.malformed for skipped in found.skipped)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        ({**said("ann"), "kind": "shout"}, "kind must be one of join, message, leave"),
        ({**said("ann"), "kind": ["join"]}, "kind must be one of join, message, leave"),
        (said(""), "user must be a name"),
        ({**said("ann"), "user": 1}, "user must be a name"),
        ({**said("ann"), "text": None}, "a message must have a text"),
        ({**said("ann"), "at": "yesterday"}, "at must be a time like 2026-11-22T09:00:00Z"),
        ({**said("ann"), "at": "2026-11-22T09:00:00"}, "at must be a time like 2026-11-22T09:00:00Z"),
        ({**said("ann"), "at": 5}, "at must be a time like 2026-11-22T09:00:00Z"),
    ],
)
def test_a_malformed_line_is_named_and_passed_over(line: object, reason: str) -> None:
    found = transcript(line, came("ben"))

    assert found.skipped == [Skipped(1, reason, malformed=True)]
    assert in_short(found) == [(2, "join", "ben")]


@pytest.mark.parametrize("at", ["2026-11-22T10:00:00+01:00", "2026-11-22T09:00:00.000000+00:00", AT])
def test_a_time_may_have_any_zone(at: str) -> None:
    assert transcript({**came("ann"), "at": at}).steps[0].at == MILLIS


def test_control_characters_become_visible_and_are_counted() -> None:
    found = transcript(said("ann", "a\x08b\x7fc\x85d\te\nf"), said("ann", "plain"))

    assert found.steps[1].text == "a\u2408b\u2421c\u241bEd\te\nf"
    assert found.with_controls == 1


def test_no_control_character_is_left_but_tab_and_line_feed() -> None:
    controls = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))

    assert re.findall(r"[\x00-\x1f\x7f-\x9f]", show_controls(controls)) == ["\t", "\n"]


@pytest.mark.parametrize(
    ("nick", "username", "display_name"),
    [
        ("ann", "ann", "ann"),
        ("|ann|", "ann_", "|ann|"),
        ("Asl[a] n", "Asl_a_n", "Asl[a] n"),
        ("Ærøskøbing", "rskbing", "Ærøskøbing"),
        ("Émile", "Emile", "Émile"),
        ("a", "user-a", "a"),
        ("^", "user", "^"),
        ("张伟", "user", "张伟"),
        ("x" * 100, "x" * 32, "x" * 80),
        (" ann\x02 ", "ann_", "ann␂"),
        ("an\u200bn", "ann", "ann"),
        ("\ud800", "user", "user"),
    ],
)
def test_a_nick_becomes_a_username_and_a_display_name_that_the_rules_allow(
    nick: str, username: str, display_name: str
) -> None:
    found = person(nick)

    assert (found.username, found.display_name) == (username, display_name)
    check_username(found.username)
    check_name(found.display_name)


def test_two_nicks_are_two_identities_even_when_their_usernames_are_the_same() -> None:
    identities = {person(nick).identity for nick in ["ann", "Ann", "|ann", "ann"]}

    assert len(identities) == 3
    assert person("ann").identity == "49915e0d7d4b402e3017d010bc1c0e83"  # the same in every run
