"""The pace of the core: a server whose limits are those that it has told never has to refuse a frame."""

from hypothesis import given
from hypothesis import strategies as st

from hubbub.domain.ids import RoomId, Seq
from hubbub.wire import frames as wire
from hubbub.wire.limits import TokenBucket
from tests.unit.client.scripted import Script, joined, with_limits


class StrictServer:
    """Counts what arrives, behind a network that holds everything back for as long as it likes."""

    def __init__(self, rate: float, burst: int, inflight: int) -> None:
        self.script = Script().opened(with_limits(frame_rate=rate, frame_burst=burst, inflight=inflight))
        self._bucket = TokenBucket(rate, burst)
        self._inflight = inflight
        self._taken = 0
        self._asked: list[wire.ClientFrame] = []

    def arrive(self) -> None:
        """All that is on its way comes at once."""
        frames = self.script.sent[self._taken :]
        self._taken = len(self.script.sent)
        for frame in frames:
            assert self._bucket.take(self.script.now) == 0.0, "too many frames"
            if not isinstance(frame, wire.Pong):
                self._asked.append(frame)
        assert len(self._asked) <= self._inflight, "too many frames wait for their answers"

    def answer(self, count: int) -> None:
        asked, self._asked = self._asked[:count], self._asked[count:]
        for frame in asked:
            if isinstance(frame, wire.Join):
                self.script.says(joined(frame.ref, 0, room_id=frame.room_id or RoomId(0)))
            elif isinstance(frame, wire.Send):
                self.script.ack(frame, 1)
            else:
                self.script.says(wire.Ack(ref=getattr(frame, "ref", None)))


ACTS = st.tuples(
    st.sampled_from(["send", "mark", "presence", "follow", "unfollow", "heartbeat", "arrive", "answer", "wait"]),
    st.integers(1, 40),
)


@given(st.sampled_from([(50.0, 200, 64), (50.0, 40, 64), (5.0, 10, 4), (100.0, 16, 100)]), st.lists(ACTS, max_size=50))
def test_no_frame_is_ever_too_much_for_the_server(limits: tuple[float, int, int], acts: list[tuple[str, int]]) -> None:
    server = StrictServer(*limits)
    script = server.script
    for act, number in acts:
        match act:
            case "send":
                for count in range(number):
                    script.send(client_id=f"{count}")
            case "mark":
                for room_id in range(1, number + 1):
                    script.mark(number, room_id=RoomId(room_id))
            case "presence":
                script.core.presence(wire.Presence(watch=[]), script.now)
            case "follow":
                for room_id in range(1, number + 1):
                    script.core.follow(RoomId(room_id), script.now, after=Seq(0))
            case "unfollow":
                for room_id in range(1, number + 1):
                    script.core.unfollow(RoomId(room_id), script.now)
            case "heartbeat":  # the next one comes after the pong of the last
                server.arrive()
                script.pass_time(1.0)
                script.says(wire.Ping(n=number, heads={}))
            case "arrive":
                server.arrive()
            case "answer":
                server.arrive()
                server.answer(number)
            case "wait":
                script.pass_time(number / 20)
        script.collect()
    server.arrive()
