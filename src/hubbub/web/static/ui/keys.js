/** The keys that work anywhere. */

import { boot } from "../store/session.js";
import { rooms } from "../store/rooms.js";
import { showShortcuts } from "./account.js";
import { openDialog } from "./dialog.js";
import { crowds, panel } from "./panel.js";
import { go, openRoomId } from "./routes.js";
import { showSwitcher } from "./switcher.js";

/** Where F6 goes: of each region the first of these that is there. */
const REGIONS = [
  [".rooms a[aria-current]", ".rooms a", ".rooms button"],
  [".window", ".accounts input"],
  ["#composer-text"],
  [".panel .who", ".panel button"],
];

export function startKeys() {
  document.addEventListener("keydown", press);
}

/** @param {KeyboardEvent} event */
function press(event) {
  if (event.defaultPrevented || boot.peek() !== "signed-in") return;
  const act = actionOf(event);
  if (act && act() !== true) event.preventDefault();
}

/** @param {KeyboardEvent} event @returns {(() => unknown) | null} */
function actionOf(event) {
  const command = (event.ctrlKey || event.metaKey) && !event.altKey;
  const key = event.key.toLowerCase();
  if (command && key === "k") return showSwitcher;
  if (openDialog.peek()) return null;
  if (command && key === ".") return () => (panel.value = !panel.peek());
  if (event.altKey && !command && (key === "arrowdown" || key === "arrowup"))
    return () => nextRoom(key === "arrowdown" ? 1 : -1, event.shiftKey);
  if (event.key === "F6") return () => nextRegion(event.shiftKey ? -1 : 1);
  if (event.key === "Escape" && crowds.peek() && document.querySelector(".panel"))
    return () => void (panel.value = false);
  const target = /** @type {HTMLElement} */ (event.target);
  if (command || event.altKey || target.matches("input, textarea, select, [role=menuitem]")) return null;
  if (event.key === "?") return showShortcuts;
  if (event.key === "Escape")
    return () => /** @type {HTMLElement | null} */ (document.querySelector("#composer-text"))?.focus();
  if (isText(event) && !target.matches(".row:focus-visible, button:focus-visible, a:focus-visible")) return focusTyping;
  return null;
}

/** Whoever types somewhere else means the composer, which gets the key as well. @param {KeyboardEvent} event */
const isText = (event) => event.key.length === 1 && event.key !== " ";

/** @returns {boolean} that the key is still to do what it does */
function focusTyping() {
  /** @type {HTMLElement | null} */ (document.querySelector("#composer-text"))?.focus();
  return true;
}

/** The rooms in the order in which they stand. */
function inOrder() {
  const kinds = ["channel", "group", "direct"];
  return kinds.flatMap((kind) => rooms.peek().filter((room) => room.kind === kind));
}

/** @param {1 | -1} step @param {boolean} unread only such */
function nextRoom(step, unread) {
  const all = inOrder();
  const now = all.findIndex((room) => room.id === openRoomId.peek());
  for (let i = 1; i <= all.length; i += 1) {
    const room = all[(now + i * step + all.length * 2) % all.length];
    if (room && (!unread || room.unread > 0)) return go(room.id);
  }
}

/** The list, the messages, the composer, the members. @param {1 | -1} step */
function nextRegion(step) {
  const places = REGIONS.map((selectors) => selectors.map((one) => document.querySelector(one)).find(Boolean)).filter(
    (place) => place && !place.closest("[inert]") && place.getClientRects().length > 0,
  );
  const roots = places.map((place) => place?.closest(".sidebar, .window, .accounts, .composer, .panel"));
  const now = roots.findIndex((root) => root?.contains(document.activeElement));
  /** @type {HTMLElement | undefined} */ (places[(now + step + places.length) % places.length])?.focus();
}
