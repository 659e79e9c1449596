"""Where log lines go and what they look like: structlog for the server's own lines and for those of its libraries.

Modules log with the standard library, `logging.getLogger(__name__)`, so that hubbub inside another program writes to
that program's logs. Only who starts a whole server calls `configure_logs`.

No line holds the text of a message, a token or a password. Nobody writes one on purpose; `redact` catches what a
library writes by itself, such as the URL of a socket with a token in it.
"""

import logging
import re
import sys
from typing import TYPE_CHECKING, TextIO, TypeAlias

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

if TYPE_CHECKING:
    _Handler: TypeAlias = logging.StreamHandler[TextIO]
else:
    _Handler = logging.StreamHandler  # before Python 3.11 it takes no type

_SECRETS = re.compile(
    r"(?P<name>\b(?:access_token|refresh_token|token|ticket|\w*password|secret)[\"']?\s*[=:]\s*)"
    r"(?:\"[^\"]*\"|'[^']*'|[^\s&'\",;}]+)"
    r"|\b(?P<scheme>bearer[ .])[\w.~+/=-]{8,}"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*",
    re.IGNORECASE,
)


def configure_logs(level: str, form: str, *, stream: TextIO | None = None) -> None:
    """Send all lines of at least this level to `stream` (None = standard error).

    `level` is debug, info, warning or error; `form` is console, json, or auto, which is console on a terminal.
    """
    stream = stream or sys.stderr
    console = form == "console" or (form == "auto" and stream.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shaping: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,  # lines of code alone: a prettier one shows the values of variables too
        redact,
        _renderer(console=console, colours=stream.isatty()),
    ]
    handler = _Lines(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=shaping))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # it brings handlers of its own
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    if level != "debug":  # it tells of every look at the schema, five lines on a first start
        logging.getLogger("alembic").setLevel(max(root.level, logging.WARNING))


class _Lines(_Handler):
    """Lines that nobody takes are lost: their reader has gone, or the disk is full. The next one may be taken again."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def redact(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Blot out what looks like a credential in any text of a line."""
    for key, value in line.items():
        if isinstance(value, str):
            line[key] = _SECRETS.sub(_blot, value)
    return line


def _renderer(*, console: bool, colours: bool) -> Processor:
    if not console:
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=colours, exception_formatter=structlog.dev.plain_traceback)


def _blot(found: re.Match[str]) -> str:
    return f"{found['name'] or found['scheme'] or ''}[redacted]"
