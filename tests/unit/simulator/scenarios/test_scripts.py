import pytest

from hubbub.simulator.scenarios.scripts import FORMS, parse

BEGIN = "scenario: Tea\npeople: ann, ben\n"
TEAM = BEGIN + "ann creates the group team with ben\n"


def hints(text: str) -> list[tuple[int, str]]:
    """Line and hint of every mistake."""
    _, mistakes = parse("tea.chat", text)
    return [(mistake.line, mistake.hint) for mistake in mistakes]


def kind_and_words(line: str) -> tuple[str, dict[str, str]]:
    scenarios, mistakes = parse("tea.chat", f"{TEAM}{line}")
    assert mistakes == []
    (statement,) = scenarios[0].steps[-1]
    return statement.kind, dict(statement.words)


def test_a_file_holds_scenarios_with_their_people_and_steps() -> None:
    scenarios, mistakes = parse(
        "tea.chat", f"# About tea.\n\n{TEAM}  ann: Tea?\nscenario: Coffee\npeople: cleo\npeople: dan"
    )

    assert mistakes == []
    assert [(scenario.title, scenario.line, scenario.people) for scenario in scenarios] == [
        ("Tea", 3, ["ann", "ben"]),
        ("Coffee", 7, ["cleo", "dan"]),
    ]
    assert [[(statement.line, statement.text) for statement in step] for step in scenarios[0].steps] == [
        [(5, "ann creates the group team with ben")],
        [(6, "ann: Tea?")],
    ]


@pytest.mark.parametrize(
    ("line", "kind", "words"),
    [
        ("ann: Tea?", "post", {"WHO": "ann", "TEXT": "Tea?"}),
        ("ann: ben: tea?", "post", {"WHO": "ann", "TEXT": "ben: tea?"}),
        ("ann (id a1): Tea?", "send", {"WHO": "ann", "ID": "a1", "TEXT": "Tea?"}),
        ('ann (to "Tea?"): No', "reply", {"WHO": "ann", "MESSAGE": '"Tea?"', "TEXT": "No"}),
        ("ann edits [4]: Coffee: now", "edit", {"WHO": "ann", "MESSAGE": "[4]", "TEXT": "Coffee: now"}),
        ('ann deletes "a "b" c"', "delete", {"WHO": "ann", "MESSAGE": '"a "b" c"'}),
        ("ann adds ben", "add", {"WHO": "ann", "WHOM": "ben"}),
        ("ann adds ben as admin", "add", {"WHO": "ann", "WHOM": "ben", "ROLE": "admin"}),
        ('ann sees "say "hi""', "sees", {"WHO": "ann", "TEXT": 'say "hi"'}),
        ("ann is answered with 4", "answered", {"WHO": "ann", "SEQ": "4"}),
        ("ann is answered with 4 again", "answered_again", {"WHO": "ann", "SEQ": "4"}),
        ('ann reads back "a", (deleted), "b, c"', "history", {"WHO": "ann", "MESSAGES": '"a", (deleted), "b, c"'}),
        ("the members are ann (owner), ben", "members", {"MEMBERS": "ann (owner), ben"}),
        ('ann creates the channel "Tea time"', "channel", {"WHO": "ann", "ROOM": '"Tea time"'}),
    ],
)
def test_a_line_is_taken_apart(line: str, kind: str, words: dict[str, str]) -> None:
    assert kind_and_words(line) == (kind, words)


def test_every_form_without_what_may_be_left_out_is_read_as_its_own_kind() -> None:
    instead = {"WHOM": "ben", "PEOPLE": "ben", "MEMBERS": "ben", "ROLE": "admin", "SEQ": "4", "NUMBER": "4"}
    instead |= {"MESSAGES": "nothing", "MESSAGE": "[4]", "CODE": "forbidden", "ROOM": "team", "TEXT": "Tea"}
    instead |= {"HISTORY": "all", "WHO": "ann", "ID": "a1"}

    for kind, form in FORMS.items():
        line = form.partition("[ ")[0]
        for word, value in instead.items():
            line = line.replace(word, value)
        scenarios, mistakes = parse("tea.chat", f"{TEAM}{line}")
        kinds = [statement.kind for scenario in scenarios for step in scenario.steps for statement in step]
        if kind in {"scenario", "people", "at_once", "done"}:
            assert kinds == ["group"]
        else:
            assert (kinds, mistakes) == (["group", kind], [])


def test_what_happens_at_once_is_one_step() -> None:
    scenarios, mistakes = parse("tea.chat", f"{TEAM}at once:\n  ann: one\n  ben: two\ndone\nann: three")

    assert mistakes == []
    assert [[statement.text for statement in step] for step in scenarios[0].steps[1:]] == [
        ["ann: one", "ben: two"],
        ["ann: three"],
    ]


@pytest.mark.parametrize(
    ("text", "line", "hint"),
    [
        ("people: ann", 1, 'a file begins with what it is about: "scenario: …"'),
        (BEGIN + "people: Ann", 3, "Ann is there already (upper and lower case are the same)"),
        (
            "scenario: Tea\npeople: a",
            2,
            "a must have 2 to 32 characters out of A-Z a-z 0-9 . _ - and begin with a letter or a digit",
        ),
        (BEGIN + "people: cleo dan", 3, '"cleo dan" is no name: a comma and a space stand between two people'),
        (BEGIN + "people: cleo,dan", 3, '"cleo,dan" is no name: a comma and a space stand between two people'),
        (
            BEGIN + "people: cleo, dán",
            3,
            "dán must have 2 to 32 characters out of A-Z a-z 0-9 . _ - and begin with a letter or a digit",
        ),
        (BEGIN + "ann: Tea?", 3, 'which room is this about? Create one before it, or say "in ROOM:"'),
        (BEGIN + "the log is 1..2", 3, 'which room is this about? Create one before it, or say "in ROOM:"'),
        (TEAM + "in den:", 4, "there is no room of that name yet; there are: team"),
        (BEGIN + "in den:", 3, "there is no room of that name yet; there are: none"),
        (TEAM + "cleo: Tea?", 4, "nobody is called cleo; there are: ann, ben"),
        (TEAM + "ann adds cleo", 4, "nobody is called cleo; there are: ann, ben"),
        (BEGIN + "ann creates the group team with cleo", 3, "nobody is called cleo; there are: ann, ben"),
        (TEAM + "the members are cleo (owner), ben", 4, "nobody is called cleo; there are: ann, ben"),
        (TEAM + "ann makes ben king", 4, "king is no role; there are: member, admin, owner"),
        (TEAM + "the members are ann (king)", 4, "king is no role; there are: member, admin, owner"),
        (TEAM + "ann delets [4]", 4, "no statement has this form; the nearest is: WHO deletes MESSAGE"),
        (TEAM + "ben does not see Tea", 4, 'no statement has this form; the nearest is: WHO does not see "TEXT"'),
        (TEAM + "at once:\nann: Tea?", 4, 'it never ends: write "done" behind it'),
        (TEAM + "done", 4, 'there is no "at once:" before it'),
        (
            TEAM + 'at once:\nann sees "Tea?"\ndone',
            5,
            'only what people do in a room can happen at once: write "done" before this line',
        ),
    ],
)
def test_a_mistake_has_its_line_and_a_hint(text: str, line: int, hint: str) -> None:
    assert hints(text) == [(line, hint)]


def test_a_code_that_no_error_has_is_a_mistake() -> None:
    ((line, hint),) = hints(TEAM + "ann is refused with verboten")

    assert line == 4
    assert hint.startswith("verboten is no code of an error; there are: bad_frame, client_id_reused, ")


def test_one_mistake_does_not_make_others() -> None:
    text = BEGIN + "ann founds the group team\nann: Tea?\nben: Yes\nscenario: Coffee\nann: Coffee?"

    assert [line for line, _ in hints(text)] == [3, 7]


def test_rooms_and_people_are_those_of_their_scenario() -> None:
    assert [line for line, _ in hints(TEAM + "scenario: Coffee\npeople: cleo\nin team:\nann: Coffee?")] == [6, 7]
