/** Where one is: the list, or a room. Each room has an address, so that back, reload and sharing work. */

import { signal } from "@preact/signals";

/** @typedef {import("../core/types.d.ts").RoomId} RoomId */

const ROOT = new URL("../../../", import.meta.url).pathname; // above static/<version>/ui/

/** The room that is open, or null for the list. @type {import("@preact/signals").Signal<RoomId | null>} */
export const openRoomId = signal(read());

// Addresses in the page are relative, for it may be under a prefix: what is fetched later stays where it was at the start.
for (const link of /** @type {NodeListOf<HTMLLinkElement>} */ (document.querySelectorAll('link:is([rel$="icon"], [rel="manifest"])'))) {
  link.href = new URL(link.href).href;
}

addEventListener("popstate", () => (openRoomId.value = read()));

/** @returns {RoomId | null} */
function read() {
  const found = /^rooms\/(\d{1,16})$/.exec(location.pathname.slice(ROOT.length));
  return found ? Number(found[1]) : null;
}

/** The address of a room. @param {RoomId} id */
export const roomUrl = (id) => `${ROOT}rooms/${id}`;

/** @param {RoomId | null} id @param {{ replace?: boolean }} [options] */
export function go(id, { replace = false } = {}) {
  if (id === openRoomId.peek()) return;
  const url = id === null ? ROOT : roomUrl(id);
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  openRoomId.value = id;
}

/**
 * A link of the client was pressed: no new page, unless a new tab is wanted.
 * @param {MouseEvent} event
 * @param {RoomId} id
 */
export function follow(event, id) {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(id);
}
