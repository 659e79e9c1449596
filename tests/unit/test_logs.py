"""What log lines look like, and what they never hold."""

import errno
import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from hubbub.logs import configure_logs

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def _untouched() -> Iterator[None]:
    """Begin with loggers as a new process has them, and leave those of this one as they were."""
    names = ("", "alembic", "uvicorn", "uvicorn.error", "uvicorn.access")
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    for logger in loggers[1:]:
        logger.setLevel(logging.NOTSET)  # a server that another test started has set levels of its own
    yield
    for logger, handlers, level, propagate in before:
        logger.handlers[:], logger.propagate = handlers, propagate
        logger.setLevel(level)


def test_json_is_one_object_a_line_with_what_the_context_and_the_caller_add() -> None:
    stream = io.StringIO()
    configure_logs("info", "json", stream=stream)
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        logging.getLogger("hubbub.web").info("request %d", 7, extra={"status": 200})
    logging.getLogger("hubbub.web").debug("too little to be logged")
    line = json.loads(stream.getvalue())
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "request 7",
        "level": "info",
        "logger": "hubbub.web",
        "request_id": "r1",
        "status": 200,
    }


def test_auto_is_json_when_nobody_watches() -> None:
    stream = io.StringIO()
    configure_logs("info", "auto", stream=stream)
    logging.getLogger("hubbub").info("hello")
    assert json.loads(stream.getvalue())["event"] == "hello"


def test_a_line_that_nobody_takes_is_lost_without_a_word_and_the_next_is_taken(
    capfd: pytest.CaptureFixture[str],
) -> None:
    class Disk(io.StringIO):
        full = True

        def write(self, text: str) -> int:
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(text)

    disk = Disk()
    configure_logs("info", "json", stream=disk)
    logging.getLogger("hubbub").info("lost")
    disk.full = False
    logging.getLogger("hubbub").info("kept")
    assert json.loads(disk.getvalue())["event"] == "kept"
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("level", "lines"), [("debug", 2), ("info", 1), ("error", 0)])
def test_migrations_are_told_of_in_detail_only_at_debug(level: str, lines: int) -> None:
    stream = io.StringIO()
    configure_logs(level, "json", stream=stream)
    logging.getLogger("alembic.runtime.migration").info("a look at the schema")
    logging.getLogger("alembic.runtime.migration").warning("something is odd")
    assert len(stream.getvalue().splitlines()) == lines


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_traceback_shows_code_and_no_values(form: str) -> None:
    stream = io.StringIO()
    configure_logs("info", form, stream=stream)
    try:
        text_of_a_message = "for Ben alone"
        text_of_a_message.index("x")
    except ValueError:
        logging.getLogger("hubbub").exception("it failed")
    assert "ValueError: substring not found" in stream.getvalue()
    assert "for Ben alone" not in stream.getvalue().replace('text_of_a_message = "for Ben alone"', "")


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize(
    "line",
    [
        'WebSocket /ws?token=hunter2&after=1" [accepted]',
        "/ws/chat/3?after=1&ticket=hunter2",
        "Authorization: Bearer hunter2hunter2",
        "Sec-WebSocket-Protocol: hubbub.v1, bearer.hunter2hunter2",
        '{"refresh_token": "hunter2", "password": "hunter2 with more"}',
        "old_password='hunter2'",
    ],
)
def test_what_looks_like_a_credential_is_blotted_out(line: str, form: str) -> None:
    stream = io.StringIO()
    configure_logs("info", form, stream=stream)
    logging.getLogger("uvicorn.error").info(line)
    logging.getLogger("uvicorn.error").info("somewhere", extra={"url": line})
    assert "hunter2" not in stream.getvalue()
    assert stream.getvalue().count("[redacted]") >= 2


def test_a_token_is_blotted_out_wherever_it_stands() -> None:
    stream = io.StringIO()
    configure_logs("info", "json", stream=stream)
    try:
        raise ValueError(JWT)
    except ValueError:
        logging.getLogger("hubbub").exception("with %s", JWT)
    assert "eyJ" not in stream.getvalue()


def test_words_about_credentials_stay() -> None:
    stream = io.StringIO()
    configure_logs("info", "json", stream=stream)
    words = "a refresh token of user 3 was used twice; the password has just been changed; bearer of bad news"
    logging.getLogger("hubbub").info(words)
    assert json.loads(stream.getvalue())["event"] == words
