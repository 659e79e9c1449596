/** A small choice of emoji. Every system has its own full one; this is for the hand that is on the mouse. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../i18n/language.js";
import { html } from "./html.js";
import { place } from "./hint.js";
import { Icon } from "./icon.js";

const EMOJI = [
  ..."😀😄😅😂🙂😉😊😍😘😎🤔🤨😐😴😢😭😡😱🥳🤯🤗🤝👍👎👏🙌🙏💪👋👀🫡🤷🤦❤💚💯🔥✨🎉🎂☕🍕🚀💡📌📎🔒🔑🐛🔧🧪✅❌❗❓⏳📈📉🌱🌍☀🌙🐢",
].map((one) => (/\p{Emoji_Presentation}/u.test(one) ? one : `${one}\ufe0f`));
const COLUMNS = 8;

/** @param {{ onPick: (emoji: string) => void }} props */
export function EmojiButton({ onPick }) {
  const [open, setOpen] = useState(false);
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const box = useRef(/** @type {HTMLDivElement | null} */ (null));
  useLayoutEffect(() => {
    const { current } = box;
    if (!open || !current || !button.current) return;
    current.showPopover();
    place(current, button.current.getBoundingClientRect(), 8, "above", "end");
    /** @type {HTMLElement | null} */ (current.querySelector("button"))?.focus();
    const outside = (/** @type {Event} */ event) => {
      const target = /** @type {Node} */ (event.target);
      if (!current.contains(target) && !button.current?.contains(target)) setOpen(false);
    };
    document.addEventListener("pointerdown", outside, true);
    return () => document.removeEventListener("pointerdown", outside, true);
  }, [open]);

  return html`<button ref=${button} type="button" class="icon-button" aria-label=${t("emoji")}
      data-hint=${open ? undefined : t("emoji")}
      aria-haspopup="dialog" aria-expanded=${open} onClick=${() => setOpen(!open)}><${Icon} name="smile"
        size=${18} /></button>
    ${
      open &&
      html`<div ref=${box} class="menu emoji" popover="manual" role="dialog" aria-label=${t("emoji")} onKeyDown=${(
        /** @type {KeyboardEvent} */ event,
      ) => {
        if (walk(event)) return;
        if (event.key !== "Escape" && event.key !== "Tab") return;
        event.stopPropagation();
        setOpen(false);
        button.current?.focus();
      }}>
      ${EMOJI.map(
        (one, index) =>
          html`<button key=${one} type="button" tabIndex=${index ? -1 : 0} onClick=${() => {
            setOpen(false);
            onPick(one);
          }}>${one}</button>`,
      )}
    </div>`
    }`;
}

/** Arrows move over the grid. @param {KeyboardEvent} event */
function walk(event) {
  const all = [.../** @type {HTMLElement} */ (event.currentTarget).querySelectorAll("button")];
  const steps = /** @type {Record<string, number>} */ ({
    ArrowRight: 1,
    ArrowLeft: -1,
    ArrowDown: COLUMNS,
    ArrowUp: -COLUMNS,
  });
  const step = steps[event.key];
  if (step === undefined) return false;
  event.preventDefault();
  event.stopPropagation();
  const next = all.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement)) + step;
  all[Math.max(0, Math.min(all.length - 1, next))]?.focus();
  return true;
}
