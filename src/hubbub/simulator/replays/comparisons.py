"""Is a transcript in the log of a channel: how far, without a hole, and unchanged?"""

from collections.abc import AsyncIterable, Mapping, Sequence
from dataclasses import dataclass, field

from hubbub.domain.events import Event, MemberJoined, MemberLeft, MessagePosted
from hubbub.domain.ids import Seq, UserId
from hubbub.simulator.replays.transcripts import Step, StepKind


@dataclass(slots=True)
class Comparison:
    head: Seq = Seq(0)  # the last seq of the log
    missing: int = 0  # seqs that the log leaves out
    matched: int = 0  # steps that the log has, from the first one on
    changed: list[Step] = field(default_factory=list)  # messages whose text differs
    others: int = 0  # events that the transcript has nothing to do with


async def compare(log: AsyncIterable[Event], steps: Sequence[Step], user_ids: Mapping[str, UserId]) -> Comparison:
    """Go through a whole log, and through the steps as far as it has them. Events of others may lie in between."""
    found = Comparison()
    async for event in log:
        found.missing += event.seq - found.head - 1
        found.head = event.seq
        step = steps[found.matched] if found.matched < len(steps) else None
        if step is None or not _is(event, step, user_ids[step.nick]):
            found.others += 1
            continue
        found.matched += 1
        if isinstance(event, MessagePosted) and event.message.version == event.seq and event.message.text != step.text:
            found.changed.append(step)
    return found


def _is(event: Event, step: Step, user_id: UserId) -> bool:
    """Is this what the step makes happen? A message is known by its client_id, whatever it says."""
    match event:
        case MessagePosted(message):
            return step.kind is StepKind.MESSAGE and (message.user_id, message.client_id) == (user_id, step.client_id)
        case MemberJoined():
            return step.kind is StepKind.JOIN and event.user_id == event.member_id == user_id
        case MemberLeft():
            return step.kind is StepKind.LEAVE and event.user_id == event.member_id == user_id
    return False
