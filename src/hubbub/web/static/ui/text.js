/** The text of a message: plain until Markdown is there, cut when it is long, large when it is emoji alone. */

import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import { t } from "../i18n/language.js";
import { obtain } from "../io/modules.js";
import { classes, html } from "./html.js";

/** @typedef {import("../core/types.d.ts").Message} Message */

const LONG = 2500; // characters: beyond, a part is shown
const PART = 1200; // characters
const RETRY = 5000; // milliseconds
const EMOJI = /^(?:[\p{Extended_Pictographic}\p{Regional_Indicator}\p{Emoji_Modifier}\u200d\ufe0f]|\s)+$/u;
const FEW = 3; // emoji that are shown large

const markdown = signal(/** @type {typeof import("../markdown.js") | null} */ (null));

/** Fetch the Markdown of messages: it is larger than all the rest that the first rows need. */
export async function loadMarkdown() {
  try {
    await obtain(new URL("../markdown.js", import.meta.url), import.meta.resolve("marked"));
    markdown.value = await import("../markdown.js");
  } catch {
    setTimeout(loadMarkdown, RETRY);
  }
}

/** What messages came out as; a message that changes is another object. @type {WeakMap<Message, unknown>} */
const rendered = new WeakMap();
/** Their beginnings on one line. @type {WeakMap<Message, string>} */
const lines = new WeakMap();

/** What a message says, on one line and without its marks; until Markdown is there, as it was typed. @param {Message} message */
export function lineOf(message) {
  const brief = markdown.value?.brief;
  if (!brief) return message.text.slice(0, PART);
  const line = lines.get(message) ?? brief(message.text);
  lines.set(message, line);
  return line;
}

/** @param {{ message: Message }} props */
export function Text({ message }) {
  const [whole, setWhole] = useState(false);
  const render = markdown.value?.render;
  const { text } = message;
  if (isJumbo(text)) return html`<div class="text jumbo">${text}</div>`;
  const long = text.length > LONG;
  const shown = long && !whole ? `${part(text)}…` : text;
  const vnodes = render && (long ? render(shown) : cached(message, render));
  return html`<div class=${classes("text", !vnodes && "plain")} dir="auto">${vnodes ?? shown}</div>
    ${
      long &&
      html`<button type="button" class="link" aria-expanded=${whole} onClick=${() => setWhole(!whole)}>
      ${whole ? t("showLess") : t("showAll", { n: text.length })}
    </button>`
    }`;
}

/** @param {Message} message @param {(text: string) => unknown} render */
function cached(message, render) {
  if (!rendered.has(message)) rendered.set(message, render(message.text));
  return rendered.get(message);
}

/** The beginning of a long text, up to the end of a word. @param {string} text */
function part(text) {
  const cut = text.slice(0, PART);
  const end = cut.search(/\s\S*$/);
  return (end > PART / 2 ? cut.slice(0, end) : cut).replace(/[\ud800-\udbff]$/, "");
}

/** @param {string} text */
function isJumbo(text) {
  return (
    text.length <= 48 && EMOJI.test(text) && [...new Intl.Segmenter().segment(text.replace(/\s/g, ""))].length <= FEW
  );
}
