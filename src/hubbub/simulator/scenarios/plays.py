"""Playing one scenario: what people do, line by line, and whether all is then as the script says."""

import asyncio
from dataclasses import dataclass

from hubbub.domain.errors import ChatError
from hubbub.services.messages import Posted
from hubbub.simulator.scenarios.expectations import expect
from hubbub.simulator.scenarios.scripts import EXPECTATIONS, OUTCOMES, Scenario, Statement
from hubbub.simulator.scenarios.stages import Stage, Unmet


@dataclass(frozen=True, slots=True)
class Failure:
    """The line at which a scenario went another way."""

    file: str
    line: int
    text: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}\n  expected: {self.expected}\n  found:    {self.found}"


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of what somebody did: an error, an answer to a message, or plain success."""

    statement: Statement
    posted: Posted | None = None
    error: ChatError | None = None

    @property
    def word(self) -> str:
        """What a line may expect of it."""
        if self.error is not None:
            return self.error.code
        if self.posted is not None:
            return f"{self.posted.message.seq} again" if self.posted.duplicate else str(self.posted.message.seq)
        return "no refusal"

    def __str__(self) -> str:
        return self.word if self.error is None else f"{self.word}: {self.error}"


async def play(scenario: Scenario) -> Failure | None:
    """Carry out a scenario up to its first failure; None when all was as it says."""
    play = _Play(scenario)
    try:
        await play.run()
    except Unmet as unmet:
        return Failure(scenario.file, play.line, play.text, unmet.expected, unmet.found)
    finally:
        await play.stage.close()
    return None


class _Play:
    def __init__(self, scenario: Scenario) -> None:
        self.stage = Stage()
        self.line, self.text = scenario.line, f"scenario: {scenario.title}"  # where it is
        self._scenario = scenario
        self._outcomes: list[_Outcome] = []  # of the last step, as far as no line has been about them

    async def run(self) -> None:
        title = self.line, self.text
        await self.stage.enter(self._scenario.people)
        for step in self._scenario.steps:
            self.line, self.text = step[0].line, step[0].text
            await self._carry_out(step)
        self._require_no_refusal()
        self.line, self.text = title
        await self.stage.require_consistency()

    async def _carry_out(self, step: tuple[Statement, ...]) -> None:
        first = step[0]
        if first.kind in OUTCOMES:
            self._check_outcome(first)
            return
        self._require_no_refusal()
        if first.kind == "in":
            self.stage.go_to(first.words["ROOM"])
        elif first.kind in EXPECTATIONS:
            await expect(self.stage, first)
        else:
            self._outcomes = list(await asyncio.gather(*map(self._act, step)))
            await self.stage.settle()

    async def _act(self, statement: Statement) -> _Outcome:
        try:
            return _Outcome(statement, posted=await self.stage.act(statement))
        except ChatError as error:
            return _Outcome(statement, error=error)
        except Unmet:
            self.line, self.text = statement.line, statement.text
            raise

    def _check_outcome(self, expectation: Statement) -> None:
        """Compare with the first thing that they just did, and that no line has been about."""
        words = expectation.words
        expected = {
            "refused": words.get("CODE", ""),
            "answered": words.get("SEQ", ""),
            "answered_again": f"{words.get('SEQ')} again",
        }[expectation.kind]
        for outcome in self._outcomes:
            if outcome.statement.words["WHO"] == words["WHO"]:
                self._outcomes.remove(outcome)
                break
        else:
            raise Unmet(expected, f"nothing that {words['WHO']} did just before")
        if outcome.word != expected:
            raise Unmet(expected, str(outcome))

    def _require_no_refusal(self) -> None:
        """A refusal that no line expects is a failure of the line that was refused."""
        for outcome in self._outcomes:
            if outcome.error is not None:
                self.line, self.text = outcome.statement.line, outcome.statement.text
                raise Unmet("that this can be done", str(outcome))
