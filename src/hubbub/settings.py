"""Every setting of the server: its name, default, bounds and unit.

A setting is the environment variable `HUBBUB_` and its name in capitals. Nothing here opens or connects anything.
"""

import difflib
import os
import re
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "HUBBUB_"

# Variables of the launcher and of the tests.
_FOREIGN = ("HUBBUB_PYTHON", "HUBBUB_DEV_", "HUBBUB_TEST_", "HUBBUB_TRANSCRIPT")

_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:\d{1,5})?|https?://\[[0-9a-f:.]+\](:\d{1,5})?|\*")


class UnusableSettings(ValueError):
    """The server must not start with these settings. The message names the variables, and holds no secret."""


def _words(value: object) -> object:
    """Split what an environment variable can hold: words with commas or white space between them."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _origin(value: str) -> str:
    if not _ORIGIN.fullmatch(value):
        raise ValueError(f"{value!r} is not an origin like https://chat.example.org, without a path, nor *")
    return value


def _network(value: str) -> str:
    try:
        if value != "*":
            ip_network(value)
    except ValueError:
        raise ValueError(f"{value!r} is not an address or a network like 10.0.0.0/8, nor *") from None
    return value


Origins = Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], NoDecode, BeforeValidator(_words)]
Addresses = Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], NoDecode, BeforeValidator(_words)]


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    # Where it listens, and what it keeps
    host: str = Field("127.0.0.1", description="Address to listen on; `0.0.0.0` or `::` for every network.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    workers: int = Field(1, ge=1, le=256, description="Processes that serve; more than one need PostgreSQL.")
    database_url: str = Field(
        "sqlite:///hubbub.db",
        repr=False,
        description="Where everything is kept: an SQLAlchemy URL, such as `sqlite:////var/lib/hubbub/chat.db` or "
        "`postgresql+psycopg://user:password@host/database`.",
    )
    bus_url: str | None = Field(
        None,
        repr=False,
        description="NATS, over which processes of one database talk: `nats://host:4222`, `tls://user:password@host`.",
    )
    bus_prefix: str = Field("hubbub", description="What all subjects on NATS begin with; installations differ in it.")
    bus_ca_file: Path | None = Field(
        None, description="File of the authorities that may have signed NATS's certificate; by default the machine's."
    )
    reader_threads: int = Field(4, ge=1, le=64, description="Threads that read from the database.")
    writer_threads: int = Field(2, ge=1, le=64, description="Threads that write to PostgreSQL; SQLite has one.")
    database_seconds: float = Field(
        30.0,
        ge=0.1,
        le=3600,
        description="Time that PostgreSQL may take for a statement, in seconds; 5 later one that hangs is given up.",
    )
    secret: SecretStr | None = Field(
        None, description="Keys that tokens are signed with, at least 32 bytes each; the first signs, all verify."
    )
    secret_file: Path | None = Field(
        None, description="File of such keys, made on the first start; by default `hubbub.keys` beside the database."
    )

    # Accounts
    registration: Literal["open", "closed"] = Field("open", description="May strangers register? `open` or `closed`.")
    access_token_minutes: int = Field(15, ge=1, le=1440, description="Lifetime of an access token, in minutes.")
    refresh_token_days: int = Field(
        30, ge=1, le=366, description="Days after which a device that did not refresh has to sign in again."
    )
    ticket_seconds: int = Field(30, ge=5, le=300, description="Lifetime of a ticket for a socket, in seconds.")
    login_rate: int = Field(
        20,
        ge=0,
        le=10_000,
        description="Log-ins and registrations a minute from an address, ten times it for an account; 0 = no limit.",
    )
    token_in_query: bool = Field(True, description="May the token of a socket or stream stand in its URL (`?token=`)?")
    password_workers: int = Field(2, ge=1, le=64, description="Threads that hash passwords.")
    argon2_time_cost: int = Field(3, ge=1, le=100, description="Argon2id: passes over the memory.")
    argon2_memory_kib: int = Field(65_536, ge=8, le=4_194_304, description="Argon2id: memory of one hash, in KiB.")
    argon2_parallelism: int = Field(4, ge=1, le=64, description="Argon2id: lanes within one hash.")

    # HTTP
    request_rate: float = Field(
        100.0,
        ge=0,
        le=1e6,
        description="Requests, new sockets, and changes over sockets, a second of a user; 0 = no limit.",
    )
    request_burst: int = Field(500, ge=1, le=1_000_000, description="Those of a user that may come at once.")
    max_body_bytes: int = Field(262_144, ge=1024, le=104_857_600, description="Largest body of a request, in bytes.")
    request_seconds: float = Field(30.0, gt=0, le=3600, description="Time in which a request has to come, in seconds.")
    cors_origins: Origins = Field((), description="Origins of web pages that may use the REST API, or `*` for all.")
    forwarded_allow_ips: Addresses = Field(
        (), description="Addresses or networks of proxies whose X-Forwarded-For and -Proto are believed, or `*`."
    )
    docs: bool = Field(True, description="Serve the interactive documentation at `/docs`?")
    drain_seconds: float = Field(10.0, ge=0, le=600, description="Time for what is under way when the server stops.")

    # Sockets; the limits hold for each connection
    allowed_origins: Origins = Field(
        (), description="Origins of web pages that may open sockets, besides the server's own, or `*` for all."
    )
    max_frame_bytes: int = Field(65_536, ge=1024, le=16_777_216, description="Largest frame from a client, in bytes.")
    frame_rate: float = Field(50.0, ge=0, le=1e6, description="Frames a second on a connection; 0 = no limit.")
    frame_burst: int = Field(200, ge=1, le=1_000_000, description="Frames that may come at once on a connection.")
    inflight: int = Field(64, ge=1, le=10_000, description="Frames of a connection that wait for their answer.")
    outbox_frames: int = Field(256, ge=16, le=1_000_000, description="Frames that wait for a slow reader.")
    outbox_bytes: int = Field(
        1_048_576,
        ge=65_536,
        le=1_073_741_824,
        description="The same, in bytes; for the reader of a stream a quarter.",
    )
    auth_seconds: float = Field(5.0, gt=0, le=300, description="Time until the first `auth` frame, in seconds.")
    heartbeat_seconds: float = Field(25.0, ge=0.1, le=3600, description="Time between pings, in seconds.")
    pong_seconds: float = Field(10.0, gt=0, le=3600, description="Time for the answer to a ping, in seconds.")
    stuck_seconds: float = Field(
        30.0, gt=0, le=3600, description="Time in which a slow reader must take something, in seconds."
    )
    user_sockets: int = Field(100, ge=1, le=1_000_000, description="Sockets that a user may have open at a time.")

    # Logs
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important lines to log: `debug`, `info`, `warning` or `error`."
    )
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`console` for people, `json` for machines; `auto` is `console` on a terminal."
    )
    access_log: bool = Field(False, description="Log a line for each HTTP request?")


def load_settings(overrides: Mapping[str, object] | None = None) -> Settings:
    """The settings of this process: `overrides` (from a command line, say), then the environment, then the defaults.

    Raise UnusableSettings with a line for each setting that is wrong, or is none.
    """
    problems = [_unknown(name) for name in sorted(os.environ) if _is_unknown(name.upper())]
    try:
        settings = Settings.model_validate(dict(overrides or {}))
    except ValidationError as error:
        raise UnusableSettings("\n".join([*problems, *map(_sentence, error.errors())])) from None
    if problems:
        raise UnusableSettings("\n".join(problems))
    return settings


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def _is_unknown(name: str) -> bool:
    known = map(variable, Settings.model_fields)
    return name.startswith(PREFIX) and not name.startswith(_FOREIGN) and name not in known


def _unknown(name: str) -> str:
    """A setting that is misspelt would be one that is not set, and registration open, say."""
    nearest = difflib.get_close_matches(name[len(PREFIX) :].lower(), Settings.model_fields, n=1)
    return f"{name}: there is no such setting" + "".join(f"; is {variable(match)} meant?" for match in nearest)


def _sentence(problem: ErrorDetails) -> str:
    name, *place = problem["loc"]
    where = "".join(f"[{index}]" for index in place)
    return f"{variable(str(name))}{where}: {problem['msg'].removeprefix('Value error, ')}"
