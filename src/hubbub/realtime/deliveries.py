"""Events on their way to those who listen: encoded and framed once."""

from dataclasses import dataclass

from hubbub.domain.events import Event, MessageEdited
from hubbub.domain.ids import Seq
from hubbub.domain.permissions import seen_by
from hubbub.wire.events import encode_event
from hubbub.wire.framing import text_frame


@dataclass(frozen=True, slots=True)
class Delivery:
    """An event and the one frame of it that every socket is sent, but for edits of what a member may not read."""

    event: Event
    frame: bytes
    hidden: bytes  # of an edit, without its text; otherwise the same

    @property
    def seq(self) -> Seq:
        return self.event.seq

    def frame_for(self, base: Seq) -> bytes:
        """The frame for a member who may read what comes after `base`."""
        return self.frame if seen_by(self.event, base) is self.event else self.hidden


def delivery(event: Event, frame: bytes | None = None) -> Delivery:
    """An event to deliver, whose frame may be known already."""
    full = text_frame(encode_event(event)) if frame is None else frame
    if not isinstance(event, MessageEdited):
        return Delivery(event, full, full)
    return Delivery(event, full, text_frame(encode_event(seen_by(event, event.target))))
