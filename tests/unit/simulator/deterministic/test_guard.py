"""Nothing from outside of a run gets into it."""

import gc
import logging
import os
import random
import secrets
import socket
import threading
import time
import uuid
from random import Random

import pytest

from hubbub.simulator.deterministic.guard import sealed
from hubbub.simulator.deterministic.loop import Violation

OUTSIDE: list[tuple[object, str, tuple[object, ...]]] = [
    (time, "time", ()),
    (time, "monotonic", ()),
    (time, "sleep", (0,)),
    (random, "random", ()),
    (random, "choice", ([1],)),
    (os, "urandom", (1,)),
    (uuid, "uuid4", ()),
    (secrets, "token_hex", ()),
    (socket, "socket", ()),
    (threading.Thread(target=print), "start", ()),
]


def ignore(level: int, name: str, text: str) -> None:
    pass


@pytest.mark.parametrize(("owner", "name", "arguments"), OUTSIDE)
def test_whoever_asks_for_something_from_outside_is_stopped(
    owner: object, name: str, arguments: tuple[object, ...]
) -> None:
    with sealed(ignore):
        with pytest.raises(Violation, match="not deterministic"):
            getattr(owner, name)(*arguments)
        assert not gc.isenabled()
    assert gc.isenabled()
    assert time.monotonic() > 0


def test_seeded_randomness_is_allowed() -> None:
    with sealed(ignore):
        assert Random("a").random() == Random("a").random()


def test_what_is_logged_is_told_to_the_run() -> None:
    said: list[tuple[int, str, str]] = []
    with sealed(lambda level, name, text: said.append((level, name, text))):
        logging.getLogger("hubbub.test").error("%d of %s", 3, "them", extra={"room_id": 1})
    assert said == [(logging.ERROR, "hubbub.test", "3 of them")]
