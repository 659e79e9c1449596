/** The keys, and the dialog that lists them. */

import { t } from "../i18n/language.js";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";

const APPLE = /mac|iphone|ipad/i.test(navigator.platform);

/** What the key for commands is called here. */
export const COMMAND = APPLE ? "⌘" : "Ctrl";

/** @type {[import("../i18n/language.js").Key, [import("../i18n/language.js").Key, string[]][]][]} */
const GROUPS = [
  [
    "keysAnywhere",
    [
      ["keySwitcher", [COMMAND, "K"]],
      ["keyShortcuts", ["?"]],
      ["keyNextRoom", ["Alt", "↓"]],
      ["keyPreviousRoom", ["Alt", "↑"]],
      ["keyNextUnread", ["Alt", "Shift", "↓"]],
      ["keyMembers", [COMMAND, "."]],
      ["keyRegion", ["F6"]],
      ["keyClose", ["Esc"]],
    ],
  ],
  [
    "keysWriting",
    [
      ["keySend", ["Enter"]],
      ["keyNewLine", ["Shift", "Enter"]],
      ["keyEditLast", ["↑"]],
    ],
  ],
  [
    "keysReading",
    [
      ["keyMove", ["↑", "↓"]],
      ["keyLatest", ["End"]],
      ["keyReply", ["R"]],
      ["keyEdit", ["E"]],
      ["keyCopy", ["C"]],
      ["keyDelete", ["Del"]],
    ],
  ],
];

export function ShortcutsDialog() {
  return html`<${Dialog} title=${t("shortcuts")} wide class="shortcuts">
    ${GROUPS.map(
      ([title, keys]) => html`<section key=${title}>
        <h3>${t(title)}</h3>
        <dl>
          ${keys.map(
            ([name, strokes]) => html`<div key=${name}>
              <dt>${t(name)}</dt>
              <dd>${strokes.map((stroke) => html`<kbd>${stroke}</kbd>`)}</dd>
            </div>`,
          )}
        </dl>
      </section>`,
    )}
  <//>`;
}
