"""The life of a connection: when it comes back, when it does not, and with which token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hubbub.client import outputs
from hubbub.client.core import State
from hubbub.client.errors import Closed, NotUnderstood, Unreachable
from hubbub.domain.errors import Forbidden, Internal, RateLimited, TokenExpired, Unauthenticated, Unavailable
from hubbub.domain.ids import Seq
from hubbub.wire import frames as wire
from tests.unit.client.scripted import HELLO, ROOM, Script, event, events, joined


def stopped(script: Script) -> Exception:
    (output,) = script.outputs(outputs.Stopped)
    assert script.core.state is State.STOPPED
    return output.error


@pytest.mark.parametrize("code", [1001, 1006, 1011, 1012, 4500, 4503, 4504, 4508, 4510])
def test_it_comes_back_after_what_is_not_its_fault(code: int) -> None:
    script = Script().opened()
    script.lost(code)
    assert script.reconnects == [0.0, 0.25]


@pytest.mark.parametrize(
    ("code", "kind"), [(4403, Forbidden), (4429, RateLimited), (4426, NotUnderstood), (1000, Closed), (1008, Closed)]
)
def test_it_stops_with_the_error_after_what_would_happen_again(code: int, kind: type[Exception]) -> None:
    script = Script().opened()
    script.lost(code, "because")
    error = stopped(script)
    assert (type(error), str(error)) == (kind, "because")


def test_delays_grow_until_a_connection_has_lasted() -> None:
    script = Script().opened()
    for _ in range(3):
        script.lost()
        script.opened()
    script.pass_time(11)
    script.lost()
    assert script.reconnects == [0.0, 0.25, 0.5, 1.0, 0.25]


def test_after_bye_it_comes_back_within_the_spread() -> None:
    script = Script(chance=0.75).opened()
    script.says(wire.Bye(code=4503, reconnect=True, after_ms=(1000, 5000)))
    script.lost(4503)
    assert script.reconnects == [0.0, 4.0]


def test_a_bye_for_good_is_believed() -> None:
    script = Script().opened()
    script.says(wire.Bye(code=4503, reconnect=False, after_ms=(0, 0)))
    script.lost(4503)
    assert isinstance(stopped(script), Closed)


def test_a_server_that_was_never_there_is_reported_at_once() -> None:
    script = Script()
    script.core.start()
    script.core.connecting()
    script.lost(1006, "refused")
    assert isinstance(stopped(script), Unreachable)


@pytest.mark.parametrize(("code", "kind"), [(4503, Unavailable), (4500, Internal), (1012, Unreachable)])
def test_a_server_that_sends_away_who_was_never_in_is_taken_at_its_word(code: int, kind: type[Exception]) -> None:
    script = Script()
    script.core.start()
    script.connected()
    script.says(wire.Bye(code=code, reconnect=True, after_ms=(40_000, 41_000)))
    script.lost(code, "later")
    error = stopped(script)
    assert (type(error), str(error)) == (kind, "later")
    assert getattr(error, "retry_after", 40.0) == 40.0


def test_a_server_of_another_protocol_is_not_talked_to() -> None:
    script = Script()
    script.opened(replace(HELLO, protocol=2))
    assert isinstance(stopped(script), NotUnderstood)


def test_without_hello_the_socket_is_given_up() -> None:
    script = Script().opened()
    script.lost()
    script.connected()
    script.says(event(1), wire.Ping(n=1, heads={}))
    assert script.sent == []
    script.pass_time(11)
    assert len(script.outputs(outputs.HangUp)) == 1
    assert len(script.reconnects) == 3


def test_silence_ends_the_connection() -> None:
    script = Script().opened()
    script.pass_time(54)
    assert script.outputs(outputs.HangUp) == []
    script.pass_time(2)
    assert len(script.outputs(outputs.HangUp)) == 1
    assert script.reconnects == [0.0, 0.25]


def test_pings_are_answered() -> None:
    script = Script().opened()
    script.says(wire.Ping(n=7, heads={}))
    assert script.sent == [wire.Pong(n=7)]


def test_a_refused_token_is_renewed_once() -> None:
    script = Script().opened()
    script.lost(4401, "the token has expired")
    assert len(script.outputs(outputs.Renew)) == 1
    script.core.renewed(script.now, "fresh", 900.0)
    script.collect()
    assert len(script.reconnects) == 2
    script.connected()
    script.lost(4401, "no")
    assert isinstance(stopped(script), Unauthenticated)
    assert len(script.outputs(outputs.Renew)) == 1


def test_every_connection_that_said_hello_may_renew_its_token_again() -> None:
    script = Script().opened()
    for _ in range(3):
        script.lost(4401)
        script.core.renewed(script.now, "fresh", 60.0)
        script.opened()
    assert len(script.outputs(outputs.Renew)) == 3


def test_who_has_no_other_token_stops() -> None:
    script = Script().opened()
    script.lost(4401)
    script.core.not_renewed(script.now, TokenExpired("sign in again"))
    script.collect()
    assert isinstance(stopped(script), TokenExpired)


def test_a_token_that_can_not_be_renewed_just_now_is_tried_again() -> None:
    script = Script().opened()
    script.lost(4401)
    script.core.not_renewed(script.now, Unavailable("later"))
    script.collect()
    script.connected()
    script.lost(4401)
    assert len(script.outputs(outputs.Renew)) == 2


def test_a_token_is_renewed_on_the_same_socket_before_it_expires() -> None:
    script = Script().opened(lifetime=1000.0)
    for n in range(40):
        script.pass_time(20)
        script.says(wire.Ping(n=n, heads={}))
    assert len(script.outputs(outputs.Renew)) == 1
    script.forget()
    script.core.renewed(script.now, "fresh", 1000.0)
    script.collect()
    assert script.sent == [wire.Auth(ref=1, token="fresh")]
    script.says(wire.Ack(ref=1))
    script.pass_time(40)
    assert script.core.state is State.OPEN


def test_a_renewal_that_fails_on_an_open_connection_ends_nothing() -> None:
    script = Script().opened(lifetime=20.0)
    script.pass_time(17)
    script.core.not_renewed(script.now, Unreachable("away"))
    script.pass_time(1)
    assert len(script.outputs(outputs.Renew)) == 2
    script.core.not_renewed(script.now, TokenExpired("no"))
    script.pass_time(5)
    assert script.core.state is State.OPEN


def test_a_refused_auth_is_left_to_the_expiry() -> None:
    script = Script().opened(lifetime=20.0)
    script.pass_time(17)
    script.core.renewed(script.now, "of another session", 900.0)
    script.collect()
    script.refuse(script.last(wire.Auth).ref, "forbidden")
    assert script.core.state is State.OPEN


def test_a_renewal_that_ends_after_the_connection_was_lost_makes_no_second_connection() -> None:
    script = Script().opened(lifetime=20.0)
    script.pass_time(17)
    script.lost()
    script.core.renewed(script.now, "fresh", 900.0)
    script.collect()
    assert len(script.reconnects) == 2


def test_what_is_true_only_now_is_not_kept_for_later() -> None:
    script = Script()
    script.core.tell(wire.Typing(room_id=ROOM, on=True), script.now)
    script.opened()
    assert script.sent == []


def test_signals_are_passed_on() -> None:
    script = Script().opened()
    signal = wire.Signal(kind="typing", room_id=ROOM, on=True)
    script.says(signal)
    assert script.outputs(outputs.Signalled) == [outputs.Signalled(signal)]


def test_stopped_is_stopped() -> None:
    script = Script().opened().live(3)
    script.core.stop(Closed("done"))
    script.core.stop(Closed("twice"))
    script.collect()
    script.lost()
    script.says(event(4))
    script.pass_time(100)
    assert [type(output) for output in script.told] == [outputs.HangUp, outputs.Stopped]


class HostileServer:
    """Keeps a log and answers joins honestly. Live events it loses, repeats and delivers in any order."""

    def __init__(self) -> None:
        self.script = Script(chance=0.1).opened()
        self.log = 0
        self.sent = 0  # frames of the client that were read
        self.script.core.follow(ROOM, self.script.now, after=Seq(0))
        self.script.collect()

    def answer(self) -> None:
        script = self.script
        while self.sent < len(script.sent):
            frame = script.sent[self.sent]
            self.sent += 1
            if isinstance(frame, wire.Join) and frame.after is not None:
                last = min(frame.after + 3, self.log)
                replay = None if last == frame.after else (frame.after + 1, self.log)
                script.says(joined(frame.ref, self.log, replay=replay))
                if replay is not None:
                    script.says(events(frame.ref, frame.after + 1, last, more=last < self.log))


ACTS = st.sampled_from(["append", "append and tell", "answer", "behind", "lose", "ping", "repeat", "wait", "far ahead"])


@given(st.lists(ACTS, max_size=60))
def test_whatever_the_server_does_each_event_is_applied_once_and_in_order(acts: list[str]) -> None:
    server = HostileServer()
    script = server.script
    for act in acts:
        match act:
            case "append":
                server.log += 1
            case "append and tell":
                server.log += 1
                script.says(event(server.log))
            case "answer":
                server.answer()
            case "behind":
                script.says(wire.Behind(room_id=ROOM, head=Seq(server.log)))
            case "lose":
                script.lost()
                server.sent = len(script.sent)
                script.opened()
            case "ping":
                script.says(wire.Ping(n=1, heads={ROOM: Seq(server.log)}))
            case "repeat":
                script.says(*(event(seq) for seq in range(max(1, server.log - 1), server.log + 1)))
            case "wait":
                script.pass_time(1.0)
            case "far ahead":
                server.log += 2
                script.says(event(server.log))
    for n in range(2 * len(acts) + 10):
        script.says(wire.Ping(n=n, heads={ROOM: Seq(server.log)}))
        server.answer()
        script.pass_time(4.0)
    assert script.applied == list(range(1, server.log + 1))
