/** Is the panel of members open? Remembered, and shut to begin with where something has to make room for it. */

import { effect, signal } from "@preact/signals";
import { openRoomId } from "./routes.js";

const STORED = "hubbub.members";
const WIDE = "(min-width: 80rem)";

export const panel = signal(false);
/** Does it stand in the place of the list; of all else? As css/layout.css has it. */
export const crowds = matching("(max-width: 62rem)");
export const covers = matching("(max-width: 45rem)");

/** Are the members of this room shown? @param {import("../core/types.d.ts").RoomView | undefined} room */
export const showsMembers = (room) => room !== undefined && room.kind !== "direct" && panel.value;

/** @param {string} query */
function matching(query) {
  const list = matchMedia(query);
  const now = signal(list.matches);
  list.addEventListener("change", () => (now.value = list.matches));
  return now;
}

export function startPanel() {
  try {
    panel.value = matchMedia(WIDE).matches && localStorage.getItem(STORED) !== "shut";
  } catch {
    panel.value = matchMedia(WIDE).matches;
  }
  effect(() => {
    const open = panel.value;
    try {
      if (matchMedia(WIDE).matches) localStorage.setItem(STORED, open ? "open" : "shut");
    } catch {
      // A browser that keeps nothing begins anew next time.
    }
  });
  effect(() => {
    void openRoomId.value;
    if (covers.peek()) panel.value = false; // or it would cover a room of which nobody has asked for the members
  });
}
