import io
from pathlib import Path

import pytest
from rich.console import Console

from hubbub.domain.events import MemberJoined
from hubbub.domain.ids import Millis, Seq
from hubbub.domain.members import Role
from hubbub.simulator.audience import Delivery
from hubbub.simulator.scenarios.files import list_shipped, run, shipped
from hubbub.simulator.scenarios.plays import Failure, play
from hubbub.simulator.scenarios.scripts import parse
from hubbub.simulator.scenarios.stages import Stage, Unmet

BEGIN = "scenario: Tea\npeople: ann, ben, cleo\nann creates the group team with ben\nann: Tea?\n"  # [4]


async def first_failure(text: str) -> Failure | None:
    scenarios, mistakes = parse("tea.chat", text)
    assert mistakes == []
    (scenario,) = scenarios
    return await play(scenario)


def run_quietly(*names: str) -> tuple[int, str]:
    target = io.StringIO()
    return run(names, Console(file=target, highlight=False, markup=False, soft_wrap=True)), target.getvalue()


@pytest.mark.parametrize(
    ("content", "printed"),
    [
        (None, "{file}: there is no such file\n  --list names the scenarios that come with hubbub\n"),
        (b"people: \xff", "{file}: it is not a text in UTF-8\n"),
        (b"", "there is no scenario in {file}\n"),
        (b"\n# scenario: Tea\n", "there is no scenario in {file}\n"),
    ],
)
def test_a_file_without_a_scenario_is_a_mistake_and_nothing_is_played(
    tmp_path: Path, content: bytes | None, printed: str
) -> None:
    file = tmp_path / "tea.chat"
    if content is not None:
        file.write_bytes(content)

    assert run_quietly("01-first-words", str(file)) == (2, printed.format(file=file))


def test_a_folder_is_no_scenario(tmp_path: Path) -> None:
    assert run_quietly(str(tmp_path)) == (2, f"{tmp_path}: Is a directory\n")


@pytest.mark.parametrize("name", shipped())
def test_a_scenario_that_comes_with_hubbub_passes(name: str) -> None:
    code, printed = run_quietly(name)

    assert code == 0
    assert printed.endswith("passed, 0 failed\n")


def test_four_scenarios_come_with_hubbub_and_say_what_they_are_about() -> None:
    target = io.StringIO()

    assert list_shipped(Console(file=target, highlight=False, markup=False, soft_wrap=True)) == 0

    lines = target.getvalue().splitlines()
    assert list(shipped()) == ["01-first-words", "02-a-team", "03-safe-resend", "04-a-channel"]
    assert lines[0] == "01-first-words  Two people and a direct room: what is said, and how far each has read."
    assert Path(lines[1].strip()).read_text(encoding="utf-8").startswith("# Two people")
    assert len(lines) == 8


@pytest.mark.parametrize(
    ("line", "expected", "found"),
    [
        ('ben sees "Coffee?"', '"Coffee?" among what ben sees', '"Tea?"'),
        ('cleo sees "Tea?"', '"Tea?" among what cleo sees', "nothing"),
        ('ben does not see "Tea?"', 'no "Tea?" among what ben sees', '"Tea?"'),
        ("ben has 2 unread", "2 unread", "1"),
        ("cleo has 0 unread", "0 unread", "not_found: there is no room 1"),
        ("ben reads back nothing", "nothing", '"Tea?"'),
        ('ben reads back "Tea?", (deleted)', '"Tea?", (deleted)', '"Tea?"'),
        ("cleo reads back nothing", "nothing", "not_found: there is no room 1"),
        ("cleo is refused with forbidden when reading", "forbidden", "not_found: there is no room 1"),
        ("ben is refused with forbidden when reading", "forbidden", '"Tea?"'),
        ("the log is 1..5", "1..5", "1..4"),
        ("the log is 1..3", "1..3", "1..4"),
        ('the log ends with "ann left"', '"ann left"', '"ann: Tea?"'),
        ("the members are ann, ben", "ann, ben", "ann (owner), ben"),
        ("ann is refused with forbidden", "forbidden", "4"),
        ("ann is answered with 5", "5", "4"),
        ("ann is answered with 4 again", "4 again", "4"),
        ("ben is answered with 4", "4", "nothing that ben did just before"),
        ("cleo: Me too", "that this can be done", "not_found: there is no room 1"),
        ('ann edits "Coffee?": Milk?', 'a message "Coffee?"', '"Tea?"'),
    ],
)
async def test_a_wrong_expectation_fails_in_its_line_with_what_was_found(line: str, expected: str, found: str) -> None:
    assert await first_failure(BEGIN + line) == Failure("tea.chat", 5, line, expected, found)


async def test_a_refusal_that_no_line_expects_fails_in_the_line_that_was_refused() -> None:
    failure = await first_failure(BEGIN + "cleo: Me too\n\nann: Of course")

    assert failure == Failure("tea.chat", 5, "cleo: Me too", "that this can be done", "not_found: there is no room 1")


async def test_a_refusal_with_another_code_fails() -> None:
    failure = await first_failure(BEGIN + "ben renames the room to den\nben is refused with not_found")

    assert failure is not None
    assert (failure.line, failure.expected) == (6, "not_found")
    assert failure.found == "forbidden: you may not change the name or the topic of this room"


async def test_an_action_that_is_no_message_is_not_answered_with_a_seq() -> None:
    failure = await first_failure(BEGIN + 'ann sets the topic to "Tea"\nann is answered with 5')

    assert failure is not None
    assert (failure.line, failure.expected, failure.found) == (6, "5", "no refusal")


async def test_a_failure_among_what_happens_at_once_has_its_own_line() -> None:
    refused = await first_failure(BEGIN + "at once:\nann: one\ncleo: two\nben: three\ndone\nben: four")
    unknown = await first_failure(BEGIN + 'at once:\nann: one\nann deletes "two"\ndone')

    assert refused is not None
    assert (refused.line, refused.text) == (7, "cleo: two")
    assert unknown is not None
    assert (unknown.line, unknown.expected) == (7, 'a message "two"')


async def test_a_room_whose_creation_was_refused_is_no_place_to_be() -> None:
    failure = await first_failure(BEGIN + "ann opens the direct room with ann\nann is refused with invalid\nben: Tea?")

    assert failure is not None
    assert (failure.line, failure.found) == (7, "none: its creation was refused")


async def test_every_statement_about_a_room_can_be_carried_out() -> None:
    assert (
        await first_failure(
            BEGIN
            + """
            ann sets the topic to "Drinks"
            the log ends with "ann changed the room: name "team", topic "Drinks""
            ann renames the room to "Tea time"
            ann adds cleo as admin
            cleo removes ben
            the members are ann (owner), cleo (admin)
            ann opens the direct room with ben
            in "Tea time":
            cleo leaves
            ann deletes the room
            the log ends with "ann deleted the room"
            the members are ann
            """
        )
    ) == Failure("tea.chat", 17, "the members are ann", "ann", "nobody")


async def test_a_message_is_named_by_its_seq_or_by_the_newest_that_says_so() -> None:
    script = BEGIN + 'ann: Tea?\nann deletes "Tea?"\nben reads back "Tea?", (deleted)\nann deletes [4]\n'

    assert await first_failure(script + "ben reads back (deleted), (deleted)") is None


async def test_who_is_told_of_a_room_that_they_have_left_again_sees_nothing_of_it() -> None:
    stage = Stage()
    scenarios, _ = parse("tea.chat", BEGIN)
    await stage.enter(scenarios[0].people)
    for (statement,) in scenarios[0].steps:
        await stage.act(statement)
    ann, cleo = stage.id_of("ann"), stage.id_of("cleo")

    added = MemberJoined(stage.here, Seq(5), ann, Millis(0), cleo, Role.MEMBER)
    await stage.views.follow(Delivery(added, (cleo,)))

    assert stage.views.get(cleo, stage.here).messages == {}
    await stage.close()


async def test_two_plays_of_a_scenario_are_the_same() -> None:
    async def log() -> list[object]:
        stage = Stage()
        scenarios, _ = parse("tea.chat", BEGIN)
        await stage.enter(scenarios[0].people)
        for (statement,) in scenarios[0].steps:
            await stage.act(statement)
            await stage.settle()
        events = [*await stage.read_log(stage.here)]
        await stage.close()
        return [*events]

    first = await log()
    assert len(first) == 4
    assert first == await log()


async def test_a_view_that_differs_from_the_log_is_found() -> None:
    stage = Stage()
    scenarios, _ = parse("tea.chat", BEGIN)
    await stage.enter(scenarios[0].people)
    for (statement,) in scenarios[0].steps:
        await stage.act(statement)
        await stage.settle()
    await stage.require_consistency()

    del stage.views.get(stage.id_of("ben"), stage.here).messages[Seq(4)]

    with pytest.raises(Unmet, match="ben to see team as its log has it"):
        await stage.require_consistency()
    await stage.close()


def test_the_next_scenario_is_played_after_a_failure(tmp_path: Path) -> None:
    file = tmp_path / "two.chat"
    file.write_text(f"{BEGIN}the log is 1..9\n{BEGIN}", encoding="utf-8")

    code, printed = run_quietly(str(file))

    assert code == 1
    assert printed == (
        f"FAIL  Tea\n{file}:5: the log is 1..9\n  expected: 1..9\n  found:    1..4\nok    Tea\n1 passed, 1 failed\n"
    )


def test_nothing_is_played_when_a_file_can_not_be_read(tmp_path: Path) -> None:
    malformed = tmp_path / "malformed.chat"
    malformed.write_text("hello\n", encoding="utf-8")
    latin = tmp_path / "latin.chat"
    latin.write_bytes(b"\xfc")

    code, printed = run_quietly("01-first-words", str(malformed), str(latin), "nowhere.chat")

    assert code == 2
    assert "passed" not in printed
    assert f"{malformed}:1: hello\n  no statement has this form; the nearest is: " in printed
    assert f"{latin}: it is not a text in UTF-8" in printed
    assert "nowhere.chat: there is no such file" in printed
