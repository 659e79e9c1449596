"""What a line of a scenario may expect: one function for each kind, which raises `Unmet` when it is not so."""

from collections.abc import Awaitable, Callable, Mapping

from hubbub.domain.errors import ChatError
from hubbub.services.ports import MAX_PAGE
from hubbub.simulator.scenarios.scripts import Statement
from hubbub.simulator.scenarios.stages import Stage, Unmet, quoted
from hubbub.simulator.sentences import describe

Words = Mapping[str, str]


async def expect(stage: Stage, statement: Statement) -> None:
    """Raise Unmet when the chat is not as this line expects."""
    await _CHECKS[statement.kind](stage, statement.words)


async def _sees(stage: Stage, words: Words) -> None:
    seen = _seen(stage, words["WHO"])
    if words["TEXT"] not in seen:
        raise Unmet(f'"{words["TEXT"]}" among what {words["WHO"]} sees', quoted(seen))


async def _sees_not(stage: Stage, words: Words) -> None:
    seen = _seen(stage, words["WHO"])
    if words["TEXT"] in seen:
        raise Unmet(f'no "{words["TEXT"]}" among what {words["WHO"]} sees', quoted(seen))


def _seen(stage: Stage, who: str) -> list[str]:
    view = stage.views.get(stage.id_of(who), stage.here)
    return [message.text for message in view.messages.values() if not message.deleted]


async def _unread(stage: Stage, words: Words) -> None:
    try:
        found = str((await stage.rooms.get(stage.id_of(words["WHO"]), stage.here)).unread)
    except ChatError as error:
        found = f"{error.code}: {error}"
    if found != words["NUMBER"]:
        raise Unmet(f"{words['NUMBER']} unread", found)


async def _history(stage: Stage, words: Words) -> None:
    try:
        found = await _read_back(stage, words["WHO"])
    except ChatError as error:
        found = f"{error.code}: {error}"
    if found != words["MESSAGES"]:
        raise Unmet(words["MESSAGES"], found)


async def _unreadable(stage: Stage, words: Words) -> None:
    try:
        found = await _read_back(stage, words["WHO"])
    except ChatError as error:
        if error.code != words["CODE"]:
            raise Unmet(words["CODE"], f"{error.code}: {error}") from None
    else:
        raise Unmet(words["CODE"], found)


async def _read_back(stage: Stage, who: str) -> str:
    page = await stage.messages.page(stage.id_of(who), stage.here, limit=MAX_PAGE)
    shown = ["(deleted)" if message.deleted else f'"{message.text}"' for message in reversed(page.items)]
    return ", ".join(shown) or "nothing"


async def _log(stage: Stage, words: Words) -> None:
    seqs = [event.seq for event in await stage.read_log(stage.here)]
    if seqs != list(range(1, int(words["SEQ"]) + 1)):
        raise Unmet(f"1..{words['SEQ']}", f"1..{len(seqs)}")


async def _log_end(stage: Stage, words: Words) -> None:
    last = (await stage.read_log(stage.here))[-1]
    found = describe(last, stage.names)
    if found != words["TEXT"]:
        raise Unmet(f'"{words["TEXT"]}"', f'"{found}"')


async def _members(stage: Stage, words: Words) -> None:
    expected = words["MEMBERS"].split(", ")
    found = await stage.members()
    if sorted(expected) != sorted(found):
        raise Unmet(", ".join(expected), ", ".join(found) or "nobody")


_CHECKS: Mapping[str, Callable[[Stage, Words], Awaitable[None]]] = {
    "sees": _sees,
    "sees_not": _sees_not,
    "unread": _unread,
    "history": _history,
    "unreadable": _unreadable,
    "log": _log,
    "log_end": _log_end,
    "members": _members,
}
