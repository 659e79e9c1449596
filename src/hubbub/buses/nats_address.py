"""Where NATS is, who we are there, and how the way to it is secured: all of it out of one URL."""

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

PORT = 4222

_NO_HOST = "HUBBUB_BUS_URL: needs a host, or a host and a port, and nothing after them"
_PREFIX = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


class UnusableBus(ValueError):
    """The URL or the setting of a bus is wrong. The message holds no secret."""


@dataclass(frozen=True, slots=True)
class NatsAddress:
    """One server. What is secret is not shown."""

    host: str
    port: int
    tls: bool
    user: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'tls' if self.tls else 'nats'}://{host}:{self.port}"


def parse_addresses(url: str) -> tuple[NatsAddress, ...]:
    """The servers of `nats://user:password@host:port`, of `tls://token@host`, or of several with commas between them.

    A scheme or credentials that a later one leaves out are those of the one before it. Raise UnusableBus.
    """
    found: list[NatsAddress] = []
    scheme = ""
    for part in url.split(","):
        named, separator, rest = part.strip().rpartition("://")
        scheme = named if separator else scheme
        found.append(_address(scheme, rest, found[-1] if found else None))
    return tuple(found)


def check_prefix(prefix: str) -> str:
    """A beginning of subjects that NATS takes as it is. Raise UnusableBus."""
    if not _PREFIX.fullmatch(prefix):
        raise UnusableBus(f"HUBBUB_BUS_PREFIX: {prefix!r} is not letters, digits, - and _, with dots between them")
    return prefix


def trusted(ca_file: Path | None) -> ssl.SSLContext:
    """Whom to believe: the authorities of this file, or those of this machine. Raise UnusableBus."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise UnusableBus(
            f"HUBBUB_BUS_CA_FILE: {ca_file}: no certificates of authorities can be read from it: {error.strerror}"
        ) from error


def _address(scheme: str, rest: str, before: NatsAddress | None) -> NatsAddress:
    if scheme not in ("nats", "tls"):
        raise UnusableBus(
            "HUBBUB_BUS_URL: not a URL like nats://127.0.0.1:4222 or tls://user:password@nats.example.org"
        )
    try:
        url = urlsplit(f"{scheme}://{rest}")
        host, port = url.hostname or "", url.port or PORT
    except ValueError:
        raise UnusableBus(_NO_HOST) from None
    if not host or url.path not in ("", "/") or url.query or url.fragment:
        raise UnusableBus(_NO_HOST)
    if url.username is None:
        return NatsAddress(host, port, scheme == "tls", *_credentials(before))
    user = unquote(url.username)
    if url.password is None:
        return NatsAddress(host, port, scheme == "tls", token=user)
    return NatsAddress(host, port, scheme == "tls", user, unquote(url.password))


def _credentials(before: NatsAddress | None) -> tuple[str | None, str | None, str | None]:
    return (None, None, None) if before is None else (before.user, before.password, before.token)
