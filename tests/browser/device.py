"""What a page keeps on its device, as the browser has it."""

from typing import Any

from playwright.async_api import Page

from tests.browser.tabs import until

STORED = """async () => {
  const opening = indexedDB.open("hubbub");
  const db = await new Promise((resolve) => (opening.onsuccess = () => resolve(opening.result)));
  const names = [...db.objectStoreNames];
  const all = (name) => new Promise((resolve) =>
    (db.transaction(name).objectStore(name).getAll().onsuccess = ({ target }) => resolve(target.result)));
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await all(name)])));
}"""
# Does something that was said lie where it is while the database writes it?
BEING_WRITTEN = "Object.keys(localStorage).some((key) => key.startsWith('hubbub-said-'))"


async def stored(page: Page) -> dict[str, list[Any]]:
    """What is in each store of the database."""
    found: dict[str, list[Any]] = await page.evaluate(STORED)
    return found


async def nothing_is_left_to_send(page: Page) -> None:
    """Wait until the device keeps nothing that was said: what a room shows leaves the disk a moment later."""

    async def look() -> bool:
        return (await stored(page))["outbox"] == []

    await until(look, "an empty outbox on the disk")
