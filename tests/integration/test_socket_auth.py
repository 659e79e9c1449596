"""Who may open a socket, in which ways, and what a refusal looks like: always accepted first, then a close code."""

import asyncio
import time
from pathlib import Path

import pytest

from hubbub.compose import open_keys
from hubbub.domain.ids import Millis
from hubbub.security.tokens import JwtTokens
from hubbub.services.clocks import SystemClock
from hubbub.settings import Settings
from hubbub.wire import frames as wire
from hubbub.wire.close_codes import CloseCode
from tests.integration.conftest import MakeUser
from tests.integration.servers import PASSWORD, TRANSPORTS, LiveServer, Person, register, serving, settings_in
from tests.integration.sockets import Sockets, dial, offering

pytestmark = pytest.mark.parametrize("transport", TRANSPORTS)


async def ticket(person: Person) -> str:
    answer = await person.client.post("/auth/ticket")
    text: str = answer.json()["ticket"]
    return text


def expiring(settings: Settings, person: Person, seconds: float) -> str:
    """This person's token, with another end. Tokens end at whole seconds."""
    tokens = JwtTokens(open_keys(settings), SystemClock())
    claims = tokens.verify("access", person.access_token)
    return tokens.sign("access", claims, Millis(int((time.time() + seconds) * 1000)))


async def another_session(person: Person) -> str:
    """A token of another session of the same user."""
    answer = await person.client.post("/auth/login", json={"username": person.username, "password": PASSWORD})
    token: str = answer.json()["access_token"]
    return token


async def test_each_way_of_authentication_says_hello(sockets: Sockets, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    token = ann.access_token
    by_header = await sockets.dial("/ws", token=token)
    by_subprotocol = await sockets.dial("/ws", subprotocols=offering("hubbub.v1", f"bearer.{token}"))
    by_ticket = await sockets.dial(f"/ws?ticket={await ticket(ann)}")
    by_frame = await sockets.dial("/ws")
    await by_frame.put(type="auth", token=token)
    by_query = await sockets.dial(f"/ws?token={token}")
    for opened in (by_header, by_subprotocol, by_ticket, by_frame, by_query):
        hello = await opened.next(wire.Hello)
        assert (hello.user.id, hello.protocol, hello.rooms) == (ann.id, 1, [])
    assert by_subprotocol.websocket.subprotocol == "hubbub.v1"
    assert by_header.websocket.subprotocol is None


async def test_hello_says_what_its_user_is_called_now(sockets: Sockets, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    for name in ("Ann Arbor", "Ann of " + "\U0001f33f" * 73):  # the second is the longest that there can be
        (await ann.client.patch("/users/me", json={"display_name": name})).raise_for_status()
        for opened in (
            await sockets.dial("/ws", token=ann.access_token),
            await sockets.dial(f"/ws?ticket={await ticket(ann)}"),
        ):
            user = (await opened.next(wire.Hello)).user
            assert (user.id, user.username, user.display_name) == (ann.id, "ann", name)


async def test_of_several_credentials_the_first_in_order_counts(sockets: Sockets, make_user: MakeUser) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    bearer = offering("hubbub.v1", f"bearer.{ann.access_token}")
    opened = [
        await sockets.dial(f"/ws?token={bob.access_token}", token=ann.access_token),
        await sockets.dial(f"/ws?ticket={await ticket(bob)}", subprotocols=bearer),
        await sockets.dial(f"/ws?token={bob.access_token}&ticket={await ticket(ann)}"),
    ]
    for first in opened:
        assert (await first.next(wire.Hello)).user.id == ann.id
    refused = await sockets.dial(f"/ws?token={bob.access_token}", token="nonsense", subprotocols=bearer)
    assert await refused.end() == CloseCode.UNAUTHENTICATED


async def test_a_refusal_is_accepted_and_then_closed_with_a_code_that_says_why(
    live: LiveServer, settings: Settings, sockets: Sockets, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    group = (await bob.client.post("/rooms", json={"kind": "group", "name": "theirs"})).json()["id"]
    channel = (await bob.client.post("/rooms", json={"kind": "channel", "name": "all"})).json()["id"]
    direct = (await bob.client.post("/rooms/direct", json={"user_id": ann.id})).json()["id"]
    cyd = await make_user("cyd")
    used = await ticket(ann)
    await (await sockets.dial(f"/ws?ticket={used}")).next(wire.Hello)
    ours: dict[str, object] = {"origin": f"http://127.0.0.1:{live.port}", "token": ann.access_token}
    cases: list[tuple[str, dict[str, object], int]] = [
        ("/ws", {"token": "nonsense"}, 4401),
        ("/ws", {"token": "é" * 3}, 4401),
        ("/ws", {"token": ann.access_token, "scheme": "Basic"}, 4401),
        ("/ws", {"token": ann.refresh_token}, 4401),
        ("/ws", {"token": expiring(settings, ann, -60)}, 4401),
        (f"/ws?token={expiring(settings, ann, -60)}", {}, 4401),
        ("/ws?ticket=nonsense", {}, 4401),
        (f"/ws?ticket={used}", {}, 4401),
        ("/ws", {"subprotocols": offering("hubbub.v1", "bearer.nonsense")}, 4401),
        ("/ws", ours | {"origin": "https://evil.example"}, 4403),
        ("/ws", ours | {"origin": "null"}, 4403),
        ("/ws/chat/0", ours, 4404),
        ("/ws/chat/x", ours, 4404),
        ("/ws/chat/99999999999999999999", ours, 4404),
        ("/ws/chat/%F0%9F%98%80", ours, 4404),
        ("/ws/chat/77", ours, 4404),
        (f"/ws/chat/{group}", ours, 4404),
        (f"/ws/chat/{direct}", {"token": cyd.access_token}, 4404),
        (f"/ws/chat/{channel}", ours, 4403),
        (f"/ws/chat/{direct}?after=-1", ours, 4400),
        (f"/ws/chat/{direct}?after=", ours, 4400),
        ("/nowhere", ours, 4404),
        ("/ws/", ours, 4404),
        ("/ws/chat/1/2", ours, 4404),
        ("/ws", ours | {"subprotocols": offering("hubbub.v2")}, 4426),
    ]
    for path, options, code in cases:
        refused = await sockets.dial(path, **options)
        assert await refused.end() == code, (path, options)
        assert refused.received == []
        assert refused.websocket.close_reason


async def test_who_does_not_say_in_time_who_they_are_is_sent_away(tmp_path: Path, transport: str) -> None:
    async with serving(settings_in(tmp_path, auth_seconds=0.1), transport=transport) as live:
        async with dial(live, "/ws") as silent:
            assert await silent.end() == CloseCode.AUTH_TIMEOUT
        assert silent.received == []
        assert silent.websocket.close_reason


async def test_a_browser_is_told_why_also_where_its_protocol_is_not_spoken(sockets: Sockets) -> None:
    """A browser drops a socket that agrees to none of the subprotocols it has offered, and shows 1006."""
    for path, name, code in (
        ("/nowhere", "hubbub.v1", 4404),
        ("/ws", "hubbub.v9", 4426),
        ("/nowhere", "hubbub.v9", 4404),
    ):
        refused = await sockets.dial(path, subprotocols=offering(name, "bearer.nonsense"))
        assert refused.websocket.subprotocol == name
        assert await refused.end() == code


async def test_a_first_frame_that_is_not_auth_is_refused(sockets: Sockets, make_user: MakeUser) -> None:
    ann = await make_user("ann")
    for first in ('{"type":"join"}', "nonsense", b"binary", '{"type":"auth","token":"nonsense"}'):
        refused = await sockets.dial("/ws")
        await refused.websocket.send(first)
        assert await refused.end() == CloseCode.UNAUTHENTICATED
        assert refused.received == []
    allowed = await sockets.dial("/ws", origin=None)
    await allowed.put(type="auth", token=ann.access_token)
    await allowed.next(wire.Hello)


async def test_a_page_from_here_or_from_an_allowed_place_may_open_sockets(
    tmp_path: Path, transport: str, make_user: MakeUser, live: LiveServer, sockets: Sockets
) -> None:
    ann = await make_user("ann")
    here = await sockets.dial("/ws", token=ann.access_token, origin=f"http://127.0.0.1:{live.port}")
    await here.next(wire.Hello)
    (tmp_path / "other").mkdir()
    other = settings_in(tmp_path / "other", allowed_origins="https://chat.example", token_in_query=False)
    async with serving(other, transport=transport) as allowing:
        async with dial(allowing, "/ws", token="nonsense", origin="https://chat.example") as allowed:
            assert await allowed.end() == CloseCode.UNAUTHENTICATED
        async with dial(allowing, "/ws", token="nonsense", origin="https://evil.example") as refused:
            assert await refused.end() == CloseCode.FORBIDDEN


async def test_a_token_in_the_query_counts_for_nothing_where_that_is_switched_off(
    tmp_path: Path, transport: str, live: LiveServer, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    (tmp_path / "other").mkdir()
    strict = settings_in(tmp_path / "other", token_in_query=False, secret_file=tmp_path / "hubbub.keys")
    async with serving(strict, transport=transport) as server, dial(server, f"/ws?token={ann.access_token}") as asked:
        await asked.put(type="join")
        assert await asked.end() == CloseCode.UNAUTHENTICATED
        assert asked.websocket.close_reason == "the first frame must be auth"


@pytest.mark.usefixtures("standing_clock")
async def test_a_socket_ends_with_its_token_unless_that_is_renewed(
    settings: Settings, sockets: Sockets, make_user: MakeUser
) -> None:
    ann, bob = await make_user("ann"), await make_user("bob")
    short = expiring(settings, ann, 2)
    ends, goes_on = await sockets.dial("/ws", token=short), await sockets.dial("/ws", token=short)
    await ends.next(wire.Hello)
    await goes_on.next(wire.Hello)
    renewed = await goes_on.ask(type="auth", ref=1, token=ann.access_token)
    assert renewed == wire.Ack(ref=1)
    another = await another_session(ann)
    for foreign in (bob.access_token, another):
        refused = await goes_on.ask(type="auth", ref=2, token=foreign)
        assert isinstance(refused, wire.Error)
        assert refused.code == "forbidden"
    assert await ends.end() == CloseCode.UNAUTHENTICATED
    assert ends.websocket.close_reason == "the token has expired"
    assert await goes_on.ask(type="auth", ref=3, token=ann.access_token) == wire.Ack(ref=3)


async def test_the_end_of_a_session_closes_its_sockets_at_once_and_no_others(
    sockets: Sockets, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    room_id = (await ann.client.post("/rooms", json={"kind": "group", "name": "room"})).json()["id"]
    own = await sockets.open(ann)

    async def log_out(token: str) -> None:
        answer = await ann.client.post("/auth/logout", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 204

    async def end_the_newest(token: str) -> None:
        sessions = (await ann.client.get("/auth/sessions")).json()["items"]
        newest = max(session["id"] for session in sessions)
        assert (await ann.client.delete(f"/auth/sessions/{newest}")).status_code == 204

    async def change_password(token: str) -> None:
        change = {"old_password": PASSWORD, "new_password": PASSWORD + "!"}
        assert (await ann.client.post("/auth/password", json=change)).status_code == 204

    for end in (log_out, end_the_newest, change_password):
        token = await another_session(ann)
        opened = [await sockets.dial(path, token=token) for path in ("/ws", f"/ws/chat/{room_id}")]
        for socket in opened:
            await socket.next(wire.Hello)
        await end(token)
        for socket in opened:
            assert await socket.end() == CloseCode.UNAUTHENTICATED
    assert isinstance(await own.ask(type="join", ref=1, room_id=room_id), wire.Joined)


async def test_a_logout_that_races_with_connects_leaves_no_socket_open(
    live: LiveServer, sockets: Sockets, make_user: MakeUser
) -> None:
    ann = await make_user("ann")
    connecting = [asyncio.create_task(sockets.dial("/ws", token=ann.access_token)) for _ in range(20)]
    await connecting[0]
    assert (await ann.client.post("/auth/logout")).status_code == 204
    for opened in await asyncio.gather(*connecting):
        assert await opened.end() == CloseCode.UNAUTHENTICATED
    assert len(live.server.gateway) == 0


async def test_a_user_may_open_so_many_sockets(tmp_path: Path, transport: str) -> None:
    async with serving(settings_in(tmp_path, user_sockets=2), transport=transport) as live:
        ann = await register(live, "ann")
        await ann.client.aclose()
        async with dial(live, "/ws", token=ann.access_token) as first:
            await first.next(wire.Hello)
            async with dial(live, "/ws", token=ann.access_token) as second:
                await second.next(wire.Hello)
                async with dial(live, "/ws", token=ann.access_token) as third:
                    assert await third.end() == CloseCode.RATE_LIMITED
            async with dial(live, "/ws", token=ann.access_token) as again:
                await again.next(wire.Hello)
