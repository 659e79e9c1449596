/** Notes at the lower edge, which go by themselves; and what is only spoken. */

import { useEffect, useRef } from "preact/hooks";
import { t } from "../i18n/language.js";
import { announcement, dismiss, toasts } from "../store/announce.js";
import { cancelStranded, stranded } from "../store/compose.js";
import { copy } from "./clipboard.js";
import { useFocusHandedOn } from "./focus.js";
import { classes, html } from "./html.js";
import { Icon } from "./icon.js";
import { say } from "./words.js";

const SHOWN = 5000; // milliseconds; what went wrong stays twice as long

/** Drawn once: within the dialog that is open, for what lies outside of it can be neither seen nor reached. */
export function Toasts() {
  return html`<div class="toasts" role="status">
    ${stranded.value.length > 0 && html`<${Stranded} entries=${stranded.value} />`}
    ${toasts.value.map((toast) => html`<${Toast} key=${toast.id} toast=${toast} />`)}
  </div>`;
}

/** @param {{ toast: import("../core/types.d.ts").Toast }} props */
function Toast({ toast }) {
  const ref = useRef(null);
  useFocusHandedOn(ref);
  useEffect(() => {
    const timer = setTimeout(() => dismiss(toast.id), toast.tone === "bad" ? 2 * SHOWN : SHOWN);
    return () => clearTimeout(timer);
  }, []);
  return html`<div ref=${ref} class=${classes("toast", toast.tone)}>
    ${toast.tone === "bad" && html`<${Icon} name="alert" />`}
    <span>${say(toast)}</span>
    <button type="button" class="icon-button" aria-label=${t("dismiss")} onClick=${() => dismiss(toast.id)}><${Icon}
      name="close" size=${14} /></button>
  </div>`;
}

/**
 * What can never be sent is given back, and stays until somebody has decided.
 * @param {{ entries: import("../core/types.d.ts").Pending[] }} props
 */
function Stranded({ entries }) {
  const ref = useRef(null);
  useFocusHandedOn(ref);
  const text = entries.map((entry) => entry.text).join("\n\n");
  return html`<div ref=${ref} class="toast bad">
    <${Icon} name="alert" />
    <span>${t("stranded", { n: entries.length })}</span>
    <button type="button" class="link" onClick=${() => copy(text)}>${t("copyText")}</button>
    <button type="button" class="link" onClick=${cancelStranded}>${t("discard")}</button>
  </div>`;
}

/** New messages for screen readers: not the window itself, or history that is put above would be read out. */
export function Announcer() {
  const now = announcement.value;
  return html`<div class="hidden" role="log" aria-live="polite">${now && html`<p key=${now.n}>${say(now)}</p>`}</div>`;
}
