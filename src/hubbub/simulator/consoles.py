"""Where the simulator writes to."""

from rich.console import Console


def open_console() -> Console:
    """Standard output: colours on a terminal alone (and not with NO_COLOR), lines as long as they are, no markup."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
