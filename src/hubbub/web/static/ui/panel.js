/** Is the panel of members open? Remembered, and shut to begin with where it would cover the room. */

import { effect, signal } from "@preact/signals";

const STORED = "hubbub.members";
const WIDE = "(min-width: 80rem)";

export const panel = signal(false);

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
}
