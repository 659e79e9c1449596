/** Who is typing, in a line that is always there, so that nothing moves. */

import { t } from "../i18n/language.js";
import { nameOf } from "../store/people.js";
import { typing } from "../store/typing.js";
import { html } from "./html.js";

/** @param {{ id: number }} props */
export function Typing({ id }) {
  const ids = typing(id).value;
  return html`<div class="typing">${ids.length > 0 && html`<i aria-hidden="true"><span></span></i><span
      class="clip">${words(ids.map(nameOf))}</span>`}</div>`;
}

/** @param {string[]} names */
function words([name = "", other = "", ...more]) {
  if (more.length) return t("typingMany");
  return other ? t("typingTwo", { name, other }) : t("typingOne", { name });
}
