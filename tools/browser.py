"""A real Chromium for tests, screenshots and measurements: the one that the machine has."""

import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
VARIABLE = "HUBBUB_TEST_CHROMIUM"
MISSING = f"no Chromium here. On Debian and Ubuntu: apt install chromium. Another one: {VARIABLE}=/path/to/chromium"

# Root has no sandbox in containers; nothing may be loaded, fetched or reported behind the page's back.
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"),
    *("--disable-component-update", "--disable-default-apps", "--disable-domain-reliability", "--disable-sync"),
    *("--metrics-recording-only", "--no-first-run", "--no-pings", "--font-render-hinting=none"),
)

WIDE: Mapping[str, Any] = MappingProxyType({"viewport": {"width": 1440, "height": 900}})
PHONE: Mapping[str, Any] = MappingProxyType(
    {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
)
"""How a window is opened: as `browser.new_context(**WIDE)`."""


def chromium_path() -> str | None:
    """Where Chromium is: as HUBBUB_TEST_CHROMIUM says, or on the PATH; None when there is none."""
    return os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, NAMES)), None)


@asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    """Chromium without a screen, until the end of the block."""
    path = chromium_path()
    if path is None:
        raise RuntimeError(MISSING)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


if __name__ == "__main__":
    sys.exit(0 if chromium_path() else f"tools.browser: {MISSING}")
