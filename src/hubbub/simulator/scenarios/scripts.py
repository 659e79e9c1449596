"""The language of scenario files: from text to statements, or to the mistakes in it.

One statement a line. What a line may say stands in `FORMS`, the way it is written; docs/simulator.md explains it.
Nothing is carried out here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from hubbub.domain.errors import Invalid, error_classes
from hubbub.domain.members import Role
from hubbub.domain.texts import check_username

# The words in capitals, and what may stand for them.
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_WORDS = {
    "WHO": rf"(?!(?:scenario|people):){_NAME}",  # a mistake in those two is none in what somebody says
    "WHOM": _NAME,
    "PEOPLE": r"\S.*",  # whoever is no one is named
    "MEMBERS": rf"{_NAME}(?: \(\w+\))?(?:, {_NAME}(?: \(\w+\))?)*",
    "ROLE": r"\w+",
    "ROOM": r'[^\s":,]+|"[^"]+"',
    "HISTORY": r"all|since_joined",
    "MESSAGE": r'\[[0-9]+\]|".+?"',
    "MESSAGES": r'nothing|(?:"[^"]*"|\(deleted\))(?:, (?:"[^"]*"|\(deleted\)))*',
    "ID": r"[^\s()]+",
    "SEQ": r"[0-9]+",
    "NUMBER": r"[0-9]+",
    "CODE": r"\w+",
    "TEXT": r".+",
}

FORMS = {
    # What a file is made of
    "scenario": "scenario: TEXT",
    "people": "people: PEOPLE",
    "in": "in ROOM:",
    "at_once": "at once:",
    "done": "done",
    # What people do
    "group": "WHO creates the group ROOM[ with PEOPLE]",
    "channel": "WHO creates the channel ROOM[ with history HISTORY]",
    "direct": "WHO opens the direct room with WHOM",
    "join": "WHO joins",
    "leave": "WHO leaves",
    "add": "WHO adds WHOM[ as ROLE]",
    "remove": "WHO removes WHOM",
    "role": "WHO makes WHOM ROLE",
    "rename": "WHO renames the room to ROOM",
    "topic": 'WHO sets the topic to "TEXT"',
    "close": "WHO deletes the room",
    "read": "WHO reads up to MESSAGE",
    "edit": "WHO edits MESSAGE: TEXT",
    "delete": "WHO deletes MESSAGE",
    "reply": "WHO (to MESSAGE): TEXT",
    "send": "WHO (id ID): TEXT",
    "post": "WHO: TEXT",
    # What must be so
    "sees": 'WHO sees "TEXT"',
    "sees_not": 'WHO does not see "TEXT"',
    "refused": "WHO is refused with CODE",
    "answered": "WHO is answered with SEQ",
    "answered_again": "WHO is answered with SEQ again",
    "unread": "WHO has NUMBER unread",
    "history": "WHO reads back MESSAGES",
    "unreadable": "WHO is refused with CODE when reading",
    "log": "the log is 1..SEQ",
    "log_end": 'the log ends with "TEXT"',
    "members": "the members are MEMBERS",
}
"""The kinds of statements, and how each is written. Words in capitals stand for something, `[…]` may be left out."""

_STRUCTURE = frozenset({"scenario", "people", "in", "at_once", "done"})
_CREATIONS = frozenset({"group", "channel", "direct"})
OUTCOMES = frozenset({"refused", "answered", "answered_again"})
EXPECTATIONS = OUTCOMES | {"sees", "sees_not", "unread", "history", "unreadable", "log", "log_end", "members"}
_ALONE = (_STRUCTURE | _CREATIONS | EXPECTATIONS) - {"done"}  # never among what happens at once


def _pattern(form: str) -> re.Pattern[str]:
    escaped = re.escape(form).replace(r"\ ", " ")
    optional = re.sub(r"\\\[(.*)\\\]", r"(?:\1)?", escaped)
    return re.compile(re.sub(r"[A-Z]{2,}", lambda word: f"(?P<{word[0]}>{_WORDS[word[0]]})", optional))


_PATTERNS = {kind: _pattern(form) for kind, form in FORMS.items()}


@dataclass(frozen=True, slots=True)
class Statement:
    """A line that was understood: its kind, and what stands in it for the words in capitals of its form."""

    line: int
    text: str
    kind: str
    words: Mapping[str, str]


@dataclass(slots=True)
class Scenario:
    """Each step is one statement, or several that happen at once."""

    file: str
    line: int
    title: str
    people: list[str] = field(default_factory=list)
    steps: list[tuple[Statement, ...]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mistake:
    """A line that can't be understood, and what might have been meant."""

    file: str
    line: int
    text: str
    hint: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}\n  {self.hint}"


def parse(file: str, text: str) -> tuple[list[Scenario], list[Mistake]]:
    """All scenarios of a file, and all mistakes in it."""
    parser = _Parser(file)
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            parser.take(number, stripped)
    parser.end()
    return parser.scenarios, parser.mistakes


class _Parser:
    """Knows, line by line, which people and rooms there are, so that a misspelt name is found before anything runs."""

    def __init__(self, file: str) -> None:
        self.scenarios: list[Scenario] = []
        self.mistakes: list[Mistake] = []
        self._file = file
        self._rooms: set[str] = set()
        self._in_room = False
        self._block: list[Statement] | None = None
        self._block_line = 0

    def take(self, line: int, text: str) -> None:
        statement = _read(line, text)
        hint = _suggest(text) if statement is None else self._check(statement)
        if hint is not None:
            self.mistakes.append(Mistake(self._file, line, text, hint))
        if statement is not None:
            self._add(statement)
        else:
            self._in_room = True  # it may have been the creation of one

    def end(self) -> None:
        if self._block is not None:
            self.mistakes.append(
                Mistake(self._file, self._block_line, "at once:", 'it never ends: write "done" behind it')
            )

    def _add(self, statement: Statement) -> None:
        """Keep a statement and what later lines may refer to; also after a mistake, or one would become many."""
        words = statement.words
        match statement.kind:
            case "scenario":
                self.scenarios.append(Scenario(self._file, statement.line, words["TEXT"]))
                self._rooms, self._in_room = set(), False
            case "people":
                self._people.extend(words["PEOPLE"].split(", "))
            case "at_once":
                self._block, self._block_line = [], statement.line
            case "done":
                self._keep(self._block or [])
                self._block = None
            case kind:
                if kind == "direct":
                    self._rooms.add(direct_name(words["WHO"], words["WHOM"]))
                elif "ROOM" in words:
                    self._rooms.add(words["ROOM"].strip('"'))
                self._in_room = self._in_room or "ROOM" in words or kind == "direct"
                if self._block is None or kind == "in":
                    self._keep([statement])
                else:
                    self._block.append(statement)

    def _keep(self, statements: list[Statement]) -> None:
        if self.scenarios and statements:
            self.scenarios[-1].steps.append(tuple(statements))

    @property
    def _people(self) -> list[str]:
        return self.scenarios[-1].people if self.scenarios else []

    def _check(self, statement: Statement) -> str | None:
        """What is wrong with a statement that is well formed; None = nothing."""
        kind, words = statement.kind, statement.words
        if not self.scenarios and kind != "scenario":
            return 'a file begins with what it is about: "scenario: …"'
        if self._block is not None and kind in _ALONE:
            return 'only what people do in a room can happen at once: write "done" before this line'
        if kind == "done" and self._block is None:
            return 'there is no "at once:" before it'
        if kind == "people":
            return self._check_new_people(words["PEOPLE"].split(", "))
        if kind == "in" and words["ROOM"].strip('"') not in self._rooms:
            return f"there is no room of that name yet; there are: {', '.join(sorted(self._rooms)) or 'none'}"
        if not self._in_room and kind not in _STRUCTURE and kind not in _CREATIONS:
            return 'which room is this about? Create one before it, or say "in ROOM:"'
        return self._check_people(words) or _check_words(words)

    def _check_new_people(self, names: list[str]) -> str | None:
        known = {name.casefold() for name in self._people}
        for name in names:
            if re.search(r"[\s,]", name):
                return f'"{name}" is no name: a comma and a space stand between two people'
            if name.casefold() in known:
                return f"{name} is there already (upper and lower case are the same)"
            known.add(name.casefold())
            try:
                check_username(name, field=name)
            except Invalid as error:
                return str(error)
        return None

    def _check_people(self, words: Mapping[str, str]) -> str | None:
        named = [words[word] for word in ("WHO", "WHOM") if word in words]
        named += words["PEOPLE"].split(", ") if "PEOPLE" in words else []
        named += [entry.partition(" ")[0] for entry in words["MEMBERS"].split(", ")] if "MEMBERS" in words else []
        for name in named:
            if name not in self._people:
                return f"nobody is called {name}; there are: {', '.join(self._people) or 'none'}"
        return None


def direct_name(who: str, whom: str) -> str:
    """What the direct room of two people is called in a script."""
    return "+".join(sorted([who, whom]))


def _read(line: int, text: str) -> Statement | None:
    for kind, pattern in _PATTERNS.items():
        found = pattern.fullmatch(text)
        if found:
            words = {word: value for word, value in found.groupdict().items() if value is not None}
            return Statement(line, text, kind, words)
    return None


def _check_words(words: Mapping[str, str]) -> str | None:
    roles = [role.value for role in Role]
    given = [words["ROLE"]] if "ROLE" in words else re.findall(r"\((\w+)\)", words.get("MEMBERS", ""))
    for role in given:
        if role not in roles:
            return f"{role} is no role; there are: {', '.join(roles)}"
    codes = sorted(error_classes())
    if "CODE" in words and words["CODE"] not in codes:
        return f"{words['CODE']} is no code of an error; there are: {', '.join(codes)}"
    return None


def _suggest(text: str) -> str:
    """The form that is nearest to a line that fits none."""
    said = set(re.findall(r"[a-z]+", text.lower()))

    def nearness(form: str) -> tuple[int, float]:
        literal = set(re.findall(r"\b[a-z]+\b", form))
        return len(literal & said), SequenceMatcher(None, form, text).ratio()

    return f"no statement has this form; the nearest is: {max(FORMS.values(), key=nearness)}"
