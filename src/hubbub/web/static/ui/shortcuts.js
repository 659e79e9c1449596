/** The keys, and the dialog that lists them. */

import { t } from "../i18n/language.js";
import { Dialog } from "./dialog.js";
import { html } from "./html.js";

const APPLE = /mac|iphone|ipad/i.test(navigator.platform);

/** @type {Record<string, import("../i18n/language.js").Key>} keys whose caps keyboards have in their own language */
const CAPS = { Ctrl: "capCtrl", Shift: "capShift", Enter: "capEnter", End: "capEnd", Del: "capDel" };

/** What stands on a key here. @param {string} key */
export function cap(key) {
  if (key === "Ctrl" && APPLE) return "⌘";
  const name = CAPS[key];
  return name ? t(name) : key;
}

/** @type {[import("../i18n/language.js").Key, [import("../i18n/language.js").Key, string[]][]][]} */
const GROUPS = [
  [
    "keysAnywhere",
    [
      ["keySwitcher", ["Ctrl", "K"]],
      ["keyShortcuts", ["?"]],
      ["keyNextRoom", ["Alt", "↓"]],
      ["keyPreviousRoom", ["Alt", "↑"]],
      ["keyNextUnread", ["Alt", "Shift", "↓"]],
      ["keyMembers", ["Ctrl", "."]],
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
              <dd>${strokes.map((stroke) => html`<kbd>${cap(stroke)}</kbd>`)}</dd>
            </div>`,
          )}
        </dl>
      </section>`,
    )}
  <//>`;
}
