"""The URL of a bus: what it may say, and what is never shown."""

from pathlib import Path

import pytest

from hubbub.buses.nats_address import NatsAddress, UnusableBus, check_prefix, parse_addresses, trusted


def test_a_host_alone_is_reached_on_the_usual_port_without_credentials() -> None:
    assert parse_addresses("nats://example.org") == (NatsAddress("example.org", 4222, tls=False),)


def test_a_user_and_a_password_or_a_token_may_hold_any_character() -> None:
    (named,) = parse_addresses("nats://a%40b:p%2Fw@[::1]:99")
    assert (named.host, named.port, named.user, named.password, named.token) == ("::1", 99, "a@b", "p/w", None)
    (token,) = parse_addresses("tls://s%3Acret@h")
    assert (token.tls, token.user, token.token) == (True, None, "s:cret")


def test_of_several_servers_a_later_one_has_what_the_one_before_it_says() -> None:
    first, second, third = parse_addresses("tls://u:p@a,b:1, nats://t@c")
    assert (first.host, second.host, second.port, third.host) == ("a", "b", 1, "c")
    assert (second.tls, second.user, second.password) == (True, "u", "p")
    assert (third.tls, third.user, third.token) == (False, None, "t")


def test_what_is_secret_is_not_shown() -> None:
    for address in parse_addresses("nats://user:secret@a:1,nats://secret@b"):
        assert "secret" not in f"{address} {address!r}"
    assert str(parse_addresses("tls://user:secret@[::1]")[0]) == "tls://[::1]:4222"


@pytest.mark.parametrize(
    "url", ["", "a", "ws://a", "nats://", "nats://[", "nats://h:99999", "nats://h/x", "nats://a,,b"]
)
def test_what_names_no_server_is_refused(url: str) -> None:
    with pytest.raises(UnusableBus):
        parse_addresses(url)


@pytest.mark.parametrize("prefix", ["", "a.", "a..b", "a b", "a.*", ">"])
def test_a_prefix_that_nats_would_take_for_something_else_is_refused(prefix: str) -> None:
    with pytest.raises(UnusableBus):
        check_prefix(prefix)
    assert check_prefix("chat.staging-2") == "chat.staging-2"


def test_authorities_that_can_not_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nonsense")
    for name in ("ca.pem", "none.pem"):
        with pytest.raises(UnusableBus, match="HUBBUB_BUS_CA_FILE"):
            trusted(tmp_path / name)
