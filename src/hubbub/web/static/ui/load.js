/** What a list shows while it is fetched, and when that failed. */

import { t } from "../i18n/language.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";

/** Quiet lines where a list will be. @param {{ lines?: number }} props */
export function Bones({ lines = 4 }) {
  return html`<div class="bones" role="status" aria-label=${t("loading")}>
    ${Array.from(
      { length: lines },
      (_, line) => html`<div key=${line}>
      <div class="bone"></div>
      <div class="bone" style=${{ width: `${[45, 60, 35, 50][line % 4]}%` }}></div>
      <div class="bone" style=${{ width: `${[70, 55, 80, 65][line % 4]}%` }}></div>
    </div>`,
    )}
  </div>`;
}

/** @param {{ problem: string, again: () => void }} props */
export function Failed({ problem, again }) {
  return html`<div class="empty" role="alert">
    <span class="mark"><${Icon} name="alert" size=${22} /></span>
    <p>${problem}</p>
    <div class="actions"><button type="button" class="button" onClick=${again}>${t("retry")}</button></div>
  </div>`;
}
