"""The bus on a real NATS server that is away, locked, secured, stuck or no NATS server at all."""

import asyncio
import gc
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime, timedelta, timezone
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from hubbub.buses import nats_link
from hubbub.buses.nats import NatsBus, open_nats
from hubbub.buses.nats_address import parse_addresses, trusted
from hubbub.buses.nats_link import BUFFER, NatsLink
from tests.nats import NatsServer, serving_nats
from tests.unit.services.chats import turns

Connect = Callable[..., Awaitable[NatsBus]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """A bus on the server at this URL, which is closed at the end of the test."""
    async with AsyncExitStack() as stack:

        async def open_bus(url: str, context: ssl.SSLContext | None = None) -> NatsBus:
            bus = await open_nats(parse_addresses(url), context, "test")
            stack.push_async_callback(bus.close)
            return bus

        yield open_bus


class Ear:
    """Waits for what a bus hears."""

    def __init__(self, bus: NatsBus) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        bus.subscribe("news", self.heard.put_nowait)

    async def next(self) -> bytes:
        return await asyncio.wait_for(self.heard.get(), 20)


async def restored(bus: NatsBus) -> asyncio.Future[None]:
    """Done the next time that the bus is restored."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def tell() -> None:
        if not done.done():
            done.set_result(None)

    bus.when_restored(tell)
    return done


async def lost(bus: NatsBus) -> str:
    """Wait until the bus has no connection; return why."""
    if bus._link is not None:
        await asyncio.wait([bus._link.lost], timeout=20)
        await turns()
    assert bus.trouble is not None
    return bus.trouble


# Away


async def test_a_server_that_comes_back_is_found_with_all_subscriptions(
    connect: Connect, nats_of_my_own: NatsServer
) -> None:
    first, second = await connect(nats_of_my_own.url), await connect(nats_of_my_own.url)
    ear = Ear(second)
    again = [await restored(first), await restored(second)]
    nats_of_my_own.kill()
    for bus in (first, second):
        assert "nats://127.0.0.1" in await lost(bus)
    first.publish("news", b"lost")
    assert first.dropped == 1
    nats_of_my_own.start()
    await asyncio.wait_for(asyncio.gather(*again), 20)
    await second.settled()
    first.publish("news", b"heard")
    assert await ear.next() == b"heard"
    assert [bus.trouble for bus in (first, second)] == [None, None]
    assert first.losses == 1


async def test_a_bus_opens_without_its_server_and_connects_when_there_is_one(
    connect: Connect, nats_of_my_own: NatsServer
) -> None:
    nats_of_my_own.kill()
    late, other = await connect(nats_of_my_own.url), await connect(nats_of_my_own.url)
    assert late.trouble is not None
    ear = Ear(late)
    await late.settled()
    late.publish("news", b"lost")
    again = [await restored(late), await restored(other)]
    nats_of_my_own.start()
    await asyncio.wait_for(asyncio.gather(*again), 20)
    await late.settled()
    other.publish("news", b"heard")
    assert await ear.next() == b"heard"


async def test_of_several_servers_one_that_answers_is_taken(connect: Connect, nats_url: str) -> None:
    bus = await connect(f"nats://127.0.0.1:1,{nats_url.removeprefix('nats://')}")
    if bus.trouble is not None:
        await asyncio.wait_for(await restored(bus), 20)
    assert bus.trouble is None


async def test_closing_does_not_wait_for_a_server_that_is_stuck(connect: Connect, nats_of_my_own: NatsServer) -> None:
    bus = await connect(nats_of_my_own.url)
    nats_of_my_own.freeze()
    while bus.dropped == 0:
        bus.publish("news", bytes(100_000))
        await asyncio.sleep(0)
    await asyncio.wait_for(bus.close(), 5)


# Stuck


async def test_what_does_not_fit_is_dropped_and_the_rest_arrives_when_the_server_goes_on(
    connect: Connect, nats_of_my_own: NatsServer
) -> None:
    bus, other = await connect(nats_of_my_own.url), await connect(nats_of_my_own.url)
    ear = Ear(other)
    await other.settled()
    nats_of_my_own.freeze()
    sent = 0
    while bus.dropped == 0:
        bus.publish("news", sent.to_bytes(4, "big") + bytes(100_000))
        sent += 1
        await asyncio.sleep(0)
    assert sent * 100_000 < 4 * BUFFER  # what the kernel takes is little
    again = await restored(bus)
    nats_of_my_own.thaw()
    await asyncio.wait_for(again, 20)
    for number in range(sent - 1):
        assert (await ear.next())[:4] == number.to_bytes(4, "big")


async def test_a_server_that_stays_stuck_is_given_up_and_found_again(
    connect: Connect, nats_of_my_own: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nats_link, "PING", 0.05)
    bus = await connect(nats_of_my_own.url)
    nats_of_my_own.freeze()
    assert "silent" in await lost(bus)
    again = await restored(bus)
    nats_of_my_own.thaw()
    await asyncio.wait_for(again, 20)


async def test_a_message_that_is_too_large_is_dropped_and_nothing_else(connect: Connect, nats_url: str) -> None:
    bus, other = await connect(nats_url), await connect(nats_url)
    ear = Ear(other)
    await other.settled()
    bus.publish("news", bytes(1024 * 1024 + 1))
    bus.publish("news", b"small")
    assert await ear.next() == b"small"
    assert (bus.dropped, bus.losses) == (1, 0)


# Locked


@pytest.mark.parametrize(
    ("options", "credentials", "wrong"),
    [(["--auth", "s3cret"], "s3cret", "other"), (["--user", "ann", "--pass", "s3cret"], "ann:s3cret", "ann:other")],
)
async def test_a_server_takes_the_credentials_of_the_url_and_the_log_never_has_them(
    connect: Connect, caplog: pytest.LogCaptureFixture, options: list[str], credentials: str, wrong: str
) -> None:
    with serving_nats(*options) as server:
        place = server.url.removeprefix("nats://")
        good = await connect(f"nats://{credentials}@{place}")
        assert good.trouble is None
        bad = await connect(f"nats://{wrong}@{place}")
        assert "Authorization Violation" in (bad.trouble or "")
        assert "other" not in caplog.text + str(bad.trouble)
        assert "s3cret" not in caplog.text


async def test_a_subject_that_is_forbidden_is_a_trouble(connect: Connect, tmp_path: Path) -> None:
    users = 'authorization { users: [ {user: a, password: b, permissions: {publish: {deny: "test.news"}}} ] }'
    (tmp_path / "nats.conf").write_text(users)
    with serving_nats("--config", str(tmp_path / "nats.conf")) as server:
        bus = await connect(server.url.replace("://", "://a:b@"))
        bus.publish("news", b"psst")
        await bus.settled()
        assert "Permissions Violation" in (bus.trouble or "")


# Secured


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with cert.pem of 127.0.0.1, which signs itself, and key.pem."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(timezone.utc)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder


@pytest.fixture
def tls_url(certificate: Path) -> Iterator[str]:
    """A server with this certificate."""
    options = ("--tls", "--tlscert", str(certificate / "cert.pem"), "--tlskey", str(certificate / "key.pem"))
    with serving_nats(*options) as server:
        yield server.url.replace("nats://", "tls://")


async def test_tls_carries_what_is_said_once_a_known_authority_has_signed(
    connect: Connect, certificate: Path, tls_url: str
) -> None:
    known = trusted(certificate / "cert.pem")
    bus, other = await connect(tls_url, known), await connect(tls_url, known)
    ear = Ear(other)
    await other.settled()
    payload = bytes(range(256)) * 1000
    bus.publish("news", payload)
    assert await ear.next() == payload
    assert "say tls://" in ((await connect(tls_url.replace("tls://", "nats://"))).trouble or "")


# Python 3.10 forgets to close the transport of a handshake that has failed.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
async def test_a_server_is_not_believed_that_no_known_authority_has_signed(connect: Connect, tls_url: str) -> None:
    bus = await connect(tls_url, trusted(None))
    assert "certificate verify failed" in (bus.trouble or "")
    await bus.close()
    gc.collect()


async def test_credentials_are_not_sent_without_the_tls_that_the_url_asks_for(connect: Connect) -> None:
    info = b'INFO {"max_payload":1000,"tls_required":false}\r\n'
    async with pretending(info) as (port, said):
        bus = await connect(f"tls://s3cret@127.0.0.1:{port}", trusted(None))
        assert "offers no TLS" in (bus.trouble or "")
        await bus.close()
        assert bytes(said) == b""


async def test_what_is_said_before_tls_is_not_believed(connect: Connect) -> None:
    async with pretending(b'INFO {"tls_required":true}\r\nMSG test.news 1 4\r\nlies\r\n') as (port, _):
        bus = await connect(f"tls://127.0.0.1:{port}", trusted(None))
        assert "another protocol" in (bus.trouble or "")
        assert bus.received == 0


# No NATS server at all


@pytest.mark.parametrize(
    "greeting",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"INFO nonsense\r\n", b"x" * 100_000, b"INFO []\r\n", b"MSG a b c\r\n"],
)
async def test_who_speaks_another_protocol_is_named_as_the_trouble(connect: Connect, greeting: bytes) -> None:
    async with pretending(greeting) as (port, _):
        bus = await connect(f"nats://127.0.0.1:{port}")
        assert f"127.0.0.1:{port}: it speaks another protocol" in (bus.trouble or "")


@asynccontextmanager
async def pretending(greeting: bytes) -> AsyncIterator[tuple[int, bytearray]]:
    """A server that says this to everybody, and what was said to it."""
    said = bytearray()
    writers: list[asyncio.StreamWriter] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(greeting)
        with suppress(OSError):
            while data := await reader.read(1000):
                said.extend(data)
                if b"PING\r\n" in data:
                    writer.write(b"PONG\r\n")

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], said
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


# Pieces


@given(st.lists(st.binary(max_size=40), max_size=8), st.lists(st.integers(1, 30), min_size=1, max_size=20))
def test_messages_are_the_same_however_they_are_cut_into_pieces(payloads: list[bytes], sizes: list[int]) -> None:
    stream = b'INFO {"max_payload":100}\r\n'
    for number, payload in enumerate(payloads):
        reply = b" reply" if number % 2 else b""
        stream += b"MSG a.b %d%b %d\r\n%b\r\n+OK\r\n" % (number, reply, len(payload), payload)

    async def feed() -> list[tuple[int, bytes]]:
        taken: list[tuple[int, bytes]] = []
        link = NatsLink(lambda sid, payload: taken.append((sid, payload)))
        link._begun = True
        position, turn = 0, 0
        while position < len(stream):
            size = sizes[turn % len(sizes)]
            link.data_received(stream[position : position + size])
            position, turn = position + size, turn + 1
        assert not link.lost.done()
        return taken

    assert asyncio.run(feed()) == list(enumerate(payloads))


async def test_what_is_sent_at_the_beginning_names_us_and_wants_no_echo(connect: Connect) -> None:
    async with pretending(b'INFO {"max_payload":100}\r\n') as (port, said):
        bus = await connect(f"nats://u:p@127.0.0.1:{port}")
        assert bus.trouble is None
        word, _, options = said.partition(b"\r\n")[0].partition(b" ")
    assert word == b"CONNECT"
    told = json.loads(options)
    assert (told["echo"], told["user"], told["pass"], told["name"]) == (False, "u", "p", "test")
