/** Where the focus goes when what has it is taken away. */

import { useLayoutEffect } from "preact/hooks";

const PLACES = ["dialog [data-autofocus]", "dialog header button", "#composer-text"]; // the best first

/**
 * When this element goes and somebody at a keyboard was in it, they go on in its row, in the open dialog, or else in
 * the composer. After a press of the mouse nothing is done: on a phone the keyboard would come up.
 *
 * @param {{ current: HTMLElement | null }} ref
 */
export function useFocusHandedOn(ref) {
  useLayoutEffect(() => {
    const element = /** @type {HTMLElement} */ (ref.current);
    const row = element.closest(".row");
    return () => {
      if (!element.querySelector(":focus-visible")) return;
      requestAnimationFrame(() => {
        if (document.activeElement !== document.body) return; // somebody else has seen to it
        const next = row?.isConnected ? row : PLACES.map((place) => document.querySelector(place)).find(Boolean);
        /** @type {HTMLElement | undefined} */ (next)?.focus();
      });
    };
  }, []);
}
