/** Dialogs: one at a time, modal, closed by Escape, by the cross and by a press beside them. Focus returns. */

import { effect, signal } from "@preact/signals";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { t } from "../i18n/language.js";
import { boot } from "../store/session.js";
import { classes, html } from "./html.js";
import { Icon } from "./icon.js";
import { Toasts } from "./toasts.js";

/** @type {import("@preact/signals").Signal<(() => unknown) | null>} What draws the dialog that is open. */
export const openDialog = signal(null);

/** @type {HTMLElement | null} What had the focus before. */
let opener = null;

/** Show a dialog in place of any other. @param {() => unknown} draw */
export function showDialog(draw) {
  if (!openDialog.peek()) opener = /** @type {HTMLElement | null} */ (document.activeElement);
  openDialog.value = draw;
}

/** Close the dialog, and give the focus back to what had it, or else to the composer. */
export function closeDialog() {
  if (!openDialog.peek()) return;
  openDialog.value = null;
  const before = opener;
  opener = null;
  requestAnimationFrame(() => {
    if (openDialog.peek()) return;
    const next = before?.isConnected && before !== document.body ? before : document.querySelector("#composer-text");
    /** @type {HTMLElement | null} */ (next)?.focus();
  });
}

effect(() => {
  if (boot.value !== "signed-in") closeDialog(); // it is about somebody who is not here any more
});

/** Where the open dialog is drawn. */
export function DialogHost() {
  return openDialog.value?.() ?? null;
}

/**
 * @param {{ title: unknown, children?: unknown, wide?: boolean, sheet?: boolean, flush?: boolean, class?: string,
 *   actions?: unknown }} props `sheet` takes the whole screen on a phone; `flush` has no space around its body.
 */
export function Dialog({ title, children, wide, sheet = true, flush, class: extra, actions }) {
  const ref = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const pressedBeside = useRef(false);
  const id = useId();
  useLayoutEffect(() => {
    const element = /** @type {HTMLDialogElement} */ (ref.current);
    element.showModal();
    const first = element.querySelector("[data-autofocus]") ?? element.querySelector(".body :is(input, textarea)");
    /** @type {HTMLElement | null} */ (first)?.focus();
    return () => element.close();
  }, []);
  return html`<dialog ref=${ref} class=${classes("dialog", wide && "wide", sheet && "sheet", extra)}
      aria-labelledby=${id}
    onCancel=${(/** @type {Event} */ event) => {
      if (event.target !== ref.current) return;
      event.preventDefault();
      closeDialog();
    }}
    onKeyDown=${(/** @type {KeyboardEvent} */ event) => keepInside(event, ref.current)}
    onPointerDown=${(/** @type {PointerEvent} */ event) => (pressedBeside.current = isBeside(event, ref.current))}
    onClick=${(/** @type {MouseEvent} */ event) => {
      if (pressedBeside.current && isBeside(event, ref.current)) closeDialog();
    }}>
    <header>
      <h2 id=${id}>${title}</h2>
      ${actions}
      <button type="button" class="icon-button" aria-label=${t("close")} data-hint=${t("close")} onClick=${closeDialog}>
        <${Icon} name="close" size=${18} />
      </button>
    </header>
    <div class=${classes("body", flush && "flush")}>${children}</div>
    <${Toasts} />
  </dialog>`;
}

/**
 * Was the press on the veil around the dialog?
 * @param {MouseEvent} event
 * @param {HTMLDialogElement | null} element
 */
function isBeside(event, element) {
  if (event.target !== element || !element) return false;
  const box = element.getBoundingClientRect();
  return event.clientX < box.left || event.clientX > box.right || event.clientY < box.top || event.clientY > box.bottom;
}

/**
 * Let Tab go round inside. Of radios it goes to the one that is checked.
 * @param {KeyboardEvent} event
 * @param {HTMLElement | null} element
 */
function keepInside(event, element) {
  if (event.key !== "Tab" || !element) return;
  const all = [...element.querySelectorAll("a[href], button, input, textarea, [tabindex='0']")].filter(
    (one) => !one.matches(":disabled, [tabindex='-1'], [type=radio]:not(:checked)") && one.getClientRects().length > 0,
  );
  const edge = event.shiftKey ? all[0] : all[all.length - 1];
  if (document.activeElement !== edge) return;
  event.preventDefault();
  /** @type {HTMLElement} */ (event.shiftKey ? all[all.length - 1] : all[0]).focus();
}

/**
 * Ask before what cannot be undone.
 * @param {{ title: string, text: string, confirm: string, danger?: boolean, act: () => unknown }} question
 */
export function ask(question) {
  showDialog(
    () => html`<${Dialog} title=${question.title} sheet=${false}>
      <p class="lead">${question.text}</p>
      <div class="form"><div class="actions">
        <button type="button" class="button" data-autofocus onClick=${closeDialog}>${t("cancel")}</button>
        <button type="button" class=${classes("button", question.danger ? "danger" : "primary")}
          onClick=${() => {
            closeDialog();
            question.act();
          }}>${question.confirm}</button>
      </div></div>
    <//>`,
  );
}
