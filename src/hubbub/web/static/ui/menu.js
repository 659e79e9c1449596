/** Menus: a button that opens a list of actions; arrows, Home, End, first letters and Escape work. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { classes, html } from "./html.js";
import { place } from "./hint.js";
import { Icon } from "./icon.js";

/**
 * @typedef {object} MenuItem
 * @property {string} label
 * @property {import("./icon.js").IconName} [icon]
 * @property {boolean} [bad] it destroys something
 * @property {boolean} [checked] one of a few
 * @property {boolean} [line] a line above
 * @property {() => unknown} act
 */

/**
 * @param {{ label: string, items: (MenuItem | false | null | undefined)[], class?: string, children?: unknown,
 *   align?: "start" | "end", hint?: boolean, tabIndex?: number }} props `children`: the button's words, in place of an icon
 */
export function Menu({ label, items, class: extra = "icon-button", children, align = "end", hint = true, tabIndex }) {
  const [open, setOpen] = useState(false);
  const button = useRef(/** @type {HTMLButtonElement | null} */ (null));
  const list = useRef(/** @type {HTMLDivElement | null} */ (null));
  const close = (focus = true) => {
    setOpen(false);
    if (focus) button.current?.focus();
  };

  useLayoutEffect(() => {
    const box = list.current;
    if (!open || !box || !button.current) return;
    box.showPopover();
    place(box, button.current.getBoundingClientRect(), 4, "below", align);
    rows(box)[0]?.focus();
    const outside = (/** @type {Event} */ event) => {
      const target = /** @type {Node} */ (event.target);
      if (!box.contains(target) && !button.current?.contains(target)) setOpen(false);
    };
    const gone = () => setOpen(false);
    document.addEventListener("pointerdown", outside, true);
    addEventListener("resize", gone);
    return () => {
      document.removeEventListener("pointerdown", outside, true);
      removeEventListener("resize", gone);
    };
  }, [open]);

  return html`<button ref=${button} type="button" class=${extra} aria-haspopup="menu" aria-expanded=${open}
      aria-label=${children ? null : label} aria-description=${children ? label : null} data-hint=${hint && !open ? label : null} tabIndex=${tabIndex}
      onClick=${() => (open ? close() : setOpen(true))}
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => {
        if (event.key === "ArrowDown" && !open) {
          event.preventDefault();
          event.stopPropagation();
          setOpen(true);
        }
      }}>${children ?? html`<${Icon} name="more" size=${18} />`}</button>
    ${
      open &&
      html`<div ref=${list} class="menu" role="menu" aria-label=${label} popover="manual"
      onKeyDown=${(/** @type {KeyboardEvent} */ event) => walk(event, close)}>
      ${items.map((item) => item && html`${item.line && html`<hr />`}<${MenuRow} key=${item.label} item=${item}
          close=${close} />`)}
    </div>`
    }`;
}

/** @param {{ item: MenuItem, close: (focus?: boolean) => void }} props */
function MenuRow({ item, close }) {
  const role = item.checked === undefined ? "menuitem" : "menuitemradio";
  return html`<button type="button" role=${role} aria-checked=${item.checked} tabIndex=${-1}
      class=${classes(item.bad && "bad")}
    onClick=${(/** @type {Event} */ event) => {
      event.stopPropagation();
      close();
      item.act();
    }}>
    ${item.icon && html`<${Icon} name=${item.icon} />`}
    <span>${item.label}</span>
    ${item.checked && html`<${Icon} name="check" />`}
  </button>`;
}

/** @param {HTMLElement} box @returns {HTMLElement[]} */
const rows = (box) => [...box.querySelectorAll("[role^=menuitem]")].map((row) => /** @type {HTMLElement} */ (row));

/** @param {KeyboardEvent} event @param {(focus?: boolean) => void} close */
function walk(event, close) {
  const all = rows(/** @type {HTMLElement} */ (event.currentTarget));
  const now = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  event.stopPropagation();
  let next = -1;
  if (event.key === "ArrowDown") next = (now + 1) % all.length;
  else if (event.key === "ArrowUp") next = (now - 1 + all.length) % all.length;
  else if (event.key === "Home") next = 0;
  else if (event.key === "End") next = all.length - 1;
  else if (event.key === "Escape") {
    event.preventDefault();
    return close();
  } else if (event.key === "Tab") return close();
  else if (event.key.length === 1 && !event.ctrlKey && !event.metaKey) {
    const letter = event.key.toLocaleLowerCase();
    const after = [...all.slice(now + 1), ...all.slice(0, now + 1)];
    next = all.indexOf(
      after.find((row) => row.textContent?.trim().toLocaleLowerCase().startsWith(letter)) ??
        /** @type {HTMLElement} */ (all[now]),
    );
  } else return;
  event.preventDefault();
  all[next]?.focus();
}
