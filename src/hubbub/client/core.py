"""One client's connection as a state machine, without I/O and without a clock.

Inputs are method calls: what came over the socket, what the program wants, and `timeout` when `deadline` has passed;
each is told the time (`now`: seconds of a clock that never goes back). Outputs are values (`outputs.py`) that `take`
hands over in order. A shell (`live.py`) does the I/O; a simulation may drive it over virtual pipes.

    down --Connect--> connecting --connected--> opening --hello--> open
     ^                                                               |
     +------------- lost: back off, or renew the token first --------+        stopped: it will not come back
"""

from collections.abc import Callable
from enum import Enum

from hubbub.client.backoff import Backoff
from hubbub.client.catchup import Catchup
from hubbub.client.errors import Closed, NotUnderstood, closing_error, is_final, opening_error
from hubbub.client.notices import Notices
from hubbub.client.outbox import ExchangeFrame, Outbox
from hubbub.client.outputs import Connect, HangUp, Output, Renew, Signalled, Stopped, Transmit, Welcomed
from hubbub.client.windows import Window
from hubbub.domain.errors import ChatError, Internal, TooLarge
from hubbub.domain.ids import RoomId, Seq
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode, may_resume
from hubbub.wire.codec import decode_server, encode, ref_of
from hubbub.wire.errors import chat_error

HELLO_TIMEOUT = 10.0  # seconds until a new connection must have said hello
ANSWER_TIMEOUT = 30.0  # seconds until a frame must be answered, on a connection that lives
STABLE = 10.0  # seconds after which a connection counts as a success, and the next delays are short again
RENEW_AT = (0.7, 0.9)  # the part of a token's life after which it is renewed, spread over the clients


class State(Enum):
    DOWN = "down"  # waits for a delay, or for a token
    CONNECTING = "connecting"
    OPENING = "opening"  # waits for hello
    OPEN = "open"
    STOPPED = "stopped"


class Core:
    """The connection of one user to all of their rooms (`/ws`). It outlives sockets."""

    def __init__(self, random: Callable[[], float]) -> None:
        """`random` gives numbers in [0, 1)."""
        self.state = State.DOWN
        self.hello: wire.Hello | None = None  # the last one
        self._random = random
        self._outputs: list[Output] = []
        self._backoff = Backoff(random)
        self._catchup = Catchup(self._outputs, random)
        self._outbox = Outbox(self._outputs, random)
        self._notices = Notices(random)
        self._noticed = False  # a notice has left since the last exchange
        self._ref = 0
        self._window = Window()
        self._auth_ref: int | None = None
        self._epoch: str | None = None  # the last that was heard of
        self._opened_at = 0.0
        self._heard_at = 0.0
        self._lifetime: float | None = None  # seconds; of the token that the socket was opened with
        self._renew_at: float | None = None
        self._renewing = False
        self._renewed = False  # since the last hello, because the server refused the token
        self._waits_for_token = False
        self._bye: wire.Bye | None = None

    def take(self) -> list[Output]:
        """What has to be done and told since the last call, in order."""
        taken = self._outputs[:]
        self._outputs.clear()
        return taken

    def deadline(self) -> float | None:
        """When `timeout` has to be called if nothing else happens; None = never."""
        if self.state is State.OPENING:
            return self._opened_at + HELLO_TIMEOUT
        if self.state is not State.OPEN or self.hello is None:
            return None
        times = [self._heard_at + self._silence()]
        if self._window.oldest is not None:
            times.append(self._window.oldest + ANSWER_TIMEOUT)
        if self._renew_at is not None:
            times.append(self._renew_at)
        due = self._due()
        if due is not None and not self._window.full:
            times.append(max(due, self._window.free_at))
        return min(times)

    # What the program wants

    def start(self) -> None:
        """Connect, and stay connected."""
        self._outputs.append(Connect(0.0))

    def follow(self, room_id: RoomId, now: float, *, after: Seq | None = None, epoch: str | None = None) -> None:
        """Follow a room from the event after `after` on (None = what happens from now on)."""
        self._catchup.follow(room_id, after, epoch)
        self._pump(now)

    def unfollow(self, room_id: RoomId, now: float) -> None:
        """Stop following a room."""
        self._catchup.unfollow(room_id)
        self._pump(now)

    def exchange(self, frame: ExchangeFrame, now: float) -> int:
        """Send something that will be answered (`Answered`); return the key of the answer. It survives reconnects."""
        key = self._outbox.add(frame)
        self._pump(now)
        return key

    def withdraw(self, key: int) -> bool:
        """Nobody waits for this answer any more; True = the frame never left, and will not."""
        return self._outbox.withdraw(key)

    def mark_read(self, room_id: RoomId, seq: Seq, now: float) -> None:
        """Tell how far a room is read. It is repeated until it is acknowledged, or a later mark takes its place."""
        if self._epoch is None or self._catchup.continues(room_id, self._epoch):
            self._notices.mark(room_id, seq)
            self._pump(now)

    def presence(self, frame: wire.Presence, now: float) -> None:
        """Tell how this device is used, or whom to watch. It is repeated after a reconnect, until there is another."""
        self._notices.presence(frame)
        self._pump(now)

    def tell(self, frame: wire.Typing, now: float) -> None:
        """Send something that is true only now: where it can't leave at once it is dropped."""
        if self.state is State.OPEN and self._window.take(now):
            self._transmit(frame)

    def stop(self, error: Exception) -> None:
        """End it for good."""
        if self.state is State.STOPPED:
            return
        if self.state in (State.CONNECTING, State.OPENING, State.OPEN):
            self._outputs.append(HangUp(CloseCode.NORMAL, ""))
        self.state = State.STOPPED
        self._waits_for_token = False
        self._outputs.append(Stopped(error))

    # What the shell reports

    def connecting(self) -> None:
        """A socket is being opened."""
        if self.state is State.DOWN:
            self.state = State.CONNECTING

    def connected(self, now: float, lifetime: float | None) -> None:
        """A socket is open. `lifetime`: seconds that its token is still good for, where that is known."""
        if self.state is not State.CONNECTING:
            return  # stopped meanwhile
        self.state = State.OPENING
        self._opened_at = self._heard_at = now
        self._lifetime = lifetime

    def lost(self, now: float, code: int, reason: str = "") -> None:
        """The socket is closed with this code, or could not be opened (1006)."""
        if self.state not in (State.CONNECTING, State.OPENING, State.OPEN):
            return
        stable = self.state is State.OPEN and now >= self._opened_at + STABLE
        bye, self._bye = self._bye, None
        self.state = State.DOWN
        self._window.close()
        self._auth_ref = None
        self._renew_at = None
        self._catchup.lost()
        self._outbox.lost()
        self._notices.lost()
        if stable:
            self._backoff.reset()
        if code == CloseCode.UNAUTHENTICATED and not self._renewed:
            self._renewed = self._waits_for_token = True
            self._renew()
        elif not may_resume(code):
            self.stop(closing_error(code, reason))
        elif self.hello is None:
            self.stop(opening_error(code, reason, None if bye is None else bye.after_ms[0] / 1000))
        elif bye is None:
            self._outputs.append(Connect(self._backoff.next()))
        elif bye.reconnect:
            low, high = bye.after_ms
            self._outputs.append(Connect((low + (high - low) * self._random()) / 1000))
        else:
            self.stop(Closed(reason or "the server said not to come back"))

    def received(self, now: float, data: str | bytes) -> None:
        """A whole message came over the socket."""
        if self.state not in (State.OPENING, State.OPEN):
            return
        self._heard_at = now
        try:
            frame = decode_server(data)
        except ChatError as error:
            self._not_understood(now, data, error)
        else:
            self._dispatch(now, frame)
        self._pump(now)

    def renewed(self, now: float, token: str, lifetime: float | None) -> None:
        """Here is the token that was asked for."""
        self._renewing = False
        if self._waits_for_token:
            self._waits_for_token = False
            self._outputs.append(Connect(self._backoff.next()))
        elif self.state is State.OPEN:
            self._plan_renewal(now, lifetime)
            self._ref += 1
            self._auth_ref = self._ref
            self._window.sent(self._ref, now)
            self._transmit(wire.Auth(ref=self._ref, token=token))

    def not_renewed(self, now: float, error: Exception) -> None:
        """There is no other token. On an open connection that ends nothing before the old one expires."""
        self._renewing = False
        if not self._waits_for_token:
            if self.state is State.OPEN and not is_final(error):
                self._renew_at = now + self._backoff.next()
            return
        self._waits_for_token = False
        if is_final(error) or self.hello is None:
            self.stop(error)
        else:
            self._renewed = False
            self._outputs.append(Connect(self._backoff.next()))  # to be refused once more, and to ask again

    def timeout(self, now: float) -> None:
        """The deadline has passed."""
        if self.state is State.OPENING and now >= self._opened_at + HELLO_TIMEOUT:
            self._drop(now, "no hello in time")
        elif self.state is State.OPEN:
            oldest = now if self._window.oldest is None else self._window.oldest
            if now >= self._heard_at + self._silence():
                self._drop(now, "nothing was heard for too long")
            elif now >= oldest + ANSWER_TIMEOUT:
                self._drop(now, "an answer did not come")
            else:
                if self._renew_at is not None and now >= self._renew_at:
                    self._renew_at = None
                    self._renew()
                self._pump(now)

    # Frames

    def _dispatch(self, now: float, frame: wire.ServerFrame) -> None:
        if self.state is State.OPENING and not isinstance(frame, wire.Hello | wire.Error | wire.Bye):
            return  # nothing counts before hello
        match frame:
            case wire.EventFrame():
                self._catchup.event(frame, now)
            case wire.Ack():
                self._acknowledged(now, frame)
            case wire.Events():
                self._window.goes_on(frame.ref, now)
                self._window.settled(self._catchup.events(frame, now))
            case wire.Joined():
                self._in_epoch(frame.epoch)
                self._window.goes_on(frame.ref, now)
                self._window.settled(self._catchup.joined(frame, now))
            case wire.Ping():
                self._transmit(wire.Pong(n=frame.n))
                self._catchup.heads(frame.heads, now)
            case wire.Error():
                self._refused(now, frame.ref, frame.room_id, chat_error(frame))
            case wire.Signal():
                self._outputs.append(Signalled(frame))
            case wire.Behind():
                self._catchup.behind(frame.room_id, now)
            case wire.Reset():
                self._catchup.reset(frame, now)
            case wire.Page():
                if frame.ref is not None and self._outbox.answered(frame.ref, frame):
                    self._window.settled((frame.ref,))
            case wire.Hello():
                self._open(now, frame)
            case wire.Bye():
                self._bye = frame

    def _open(self, now: float, hello: wire.Hello) -> None:
        if self.state is State.OPEN:
            return
        if hello.protocol != wire.PROTOCOL:
            self.stop(NotUnderstood(f"the server speaks protocol {hello.protocol}, this client {wire.PROTOCOL}"))
            return
        self._in_epoch(hello.epoch)
        self.state = State.OPEN
        self.hello = hello
        self._opened_at = now
        self._renewed = False
        self._window.open(hello.limits, now)
        self._plan_renewal(now, self._lifetime)
        self._outputs.append(Welcomed(hello))

    def _in_epoch(self, epoch: str) -> None:
        """What is said from here on is about the log of this epoch."""
        if self._epoch not in (None, epoch):
            self._notices.forget_marks()
        self._epoch = epoch

    def _acknowledged(self, now: float, frame: wire.Ack) -> None:
        ref = frame.ref
        if ref is None:
            return
        if ref == self._auth_ref:
            self._auth_ref = None
            self._window.settled((ref,))
        elif self._outbox.answered(ref, frame) or self._notices.answered(ref) or self._catchup.answered(ref, now):
            self._window.settled((ref,))

    def _refused(self, now: float, ref: int | None, room_id: RoomId | None, error: ChatError) -> None:
        if ref is None:
            return
        if ref == self._auth_ref:
            self._auth_ref = None  # the server closes the connection when the old token expires
        elif self._catchup.refused(ref, room_id, error, now):
            if room_id is not None:
                return  # one room of a sync; its ack is still to come
        elif not (self._outbox.refused(ref, error, now) or self._notices.refused(ref, error, now)):
            return
        self._window.settled((ref,))

    def _not_understood(self, now: float, data: str | bytes, error: ChatError) -> None:
        """An unknown frame, or garbage. A join that it answers is tried again later; who asked for more is told."""
        ref = ref_of(data)
        if ref is None:
            return
        unreadable, defect = NotUnderstood(f"the answer can't be read: {error}"), Internal(str(error))
        joining = self._catchup.refused(ref, None, defect, now)
        if joining or self._outbox.fail(ref, unreadable) or self._notices.refused(ref, defect, now):
            self._window.settled((ref,))

    # On the way out

    def _pump(self, now: float) -> None:
        """Send what is due, catching up first, as far as the server's limits allow."""
        if self.state is not State.OPEN or self.hello is None:
            return
        while self._may_send(now):
            ref = self._ref + 1
            frame = self._next(now, ref)
            if frame is None:
                return
            self._ref = ref
            data = encode(frame)
            limit = self.hello.limits.frame
            if len(data) > limit and self._outbox.fail(
                ref, TooLarge(f"a frame may have at most {limit} bytes", field="text")
            ):
                continue
            self._window.sent(ref, now)
            self._outputs.append(Transmit(data))

    def _next(self, now: float, ref: int) -> wire.ClientFrame | None:
        """The next frame to send: what catches up, then exchanges and notices by turns."""
        request = self._catchup.next_request(now, ref)
        if request is not None:
            return request
        notice = None if self._noticed else self._notices.next_request(now, ref)
        self._noticed = notice is not None
        return notice or self._outbox.next_request(now, ref) or self._notices.next_request(now, ref)

    def _may_send(self, now: float) -> bool:
        """Is there something to send, and do the server's limits allow it now?"""
        due = self._due()
        return due is not None and due <= now and not self._window.full and self._window.take(now)

    def _due(self) -> float | None:
        """When there is something to send; None = nothing."""
        dues = (self._catchup.due(), self._outbox.due(), self._notices.due())
        return min((due for due in dues if due is not None), default=None)

    def _transmit(self, frame: wire.ClientFrame) -> None:
        self._outputs.append(Transmit(encode(frame)))

    def _silence(self) -> float:
        """Seconds without a frame after which the other side must be gone."""
        assert self.hello is not None
        return 2 * self.hello.heartbeat_ms / 1000 + 5.0

    def _drop(self, now: float, reason: str) -> None:
        self._outputs.append(HangUp(CloseCode.GOING_AWAY, reason))
        self.lost(now, CloseCode.ABNORMAL, reason)

    def _plan_renewal(self, now: float, lifetime: float | None) -> None:
        low, high = RENEW_AT
        self._renew_at = None if lifetime is None else now + lifetime * (low + (high - low) * self._random())

    def _renew(self) -> None:
        if not self._renewing:
            self._renewing = True
            self._outputs.append(Renew())
