/** Where one is: the list, a room, or the accounts; or nowhere. Each has an address, so that back, reload and sharing work. */

import { computed, signal } from "@preact/signals";

/** @typedef {import("../core/types.d.ts").RoomId} RoomId */
/** @typedef {RoomId | "accounts" | null} Goal A room, the accounts of everybody, or null for the list. */
/** @typedef {Goal | "nowhere"} Place */

const ROOT = new URL("../../../", import.meta.url).pathname; // above static/<version>/ui/

/** @type {import("@preact/signals").Signal<Place>} */
export const place = signal(read());
/** The room that is open. @type {import("@preact/signals").ReadonlySignal<RoomId | null>} */
export const openRoomId = computed(() => (typeof place.value === "number" ? place.value : null));

// Addresses in the page are relative, for it may be under a prefix: what is fetched later stays where it was at the start.
for (const link of /** @type {NodeListOf<HTMLLinkElement>} */ (document.querySelectorAll('link:is([rel$="icon"], [rel="manifest"])'))) {
  link.href = new URL(link.href).href;
}

addEventListener("popstate", () => (place.value = read()));

/** @returns {Place} */
function read() {
  const path = location.pathname.slice(ROOT.length);
  if (path === "") return null;
  if (path === "accounts") return path;
  const found = /^rooms\/(\d{1,16})$/.exec(path);
  return found ? Number(found[1]) : "nowhere";
}

/** The address of a room. @param {RoomId} id */
export const roomUrl = (id) => `${ROOT}rooms/${id}`;

/** @param {Goal} next */
export function go(next) {
  if (next === place.peek()) return;
  history.pushState(null, "", typeof next === "number" ? roomUrl(next) : `${ROOT}${next ?? ""}`);
  place.value = next;
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
