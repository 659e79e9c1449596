/**
 * Markdown of messages: the tokens of the lexer become vnodes through the list below, and nothing else does. No string
 * of HTML is ever made; HTML in a message is text, as are images' addresses (nothing is loaded from elsewhere).
 *
 * What was typed is always visible: definitions of links are text, and what would come out empty is shown as it is.
 */

import { Lexer, Tokenizer } from "marked";
import { t } from "./i18n/language.js";
import { copy } from "./ui/clipboard.js";
import { html } from "./ui/html.js";
import { Icon } from "./ui/icon.js";

/** @typedef {import("marked").Token} Token */
/** @typedef {import("preact").ComponentChildren} Children */

const BEGINNING = 400; // characters of a text that are read for one line of it
const DEPTH = 16; // of nesting: deeper than that is shown as it was typed
const SAFE = new Set(["http:", "https:", "mailto:"]);

const READ = 16; // times that a text may be read, in search of ends: thousands of searches would take seconds
// Quotes and lists in each other, in one line: the lexer's stack holds few thousands, and is slow to say so.
const TOO_DEEP = /(?:(?:>|(?:[-+*]|\d{1,9}[.)])(?=[ \t]))[ \t]*){32}/;
const BEFORE_AT = /^[\w.!#$%&'*+/=?^`{|}~-]*/; // of a mail address: read for each beginning of a word

let left = 0; // characters that may still be read in this text

/** @param {number} characters */
function read(characters) {
  left -= characters;
  if (left < 0) throw new RangeError("this text takes too long");
}

/** A search for the end of an emphasis. */
class Search extends RegExp {
  /** @param {string} text */
  exec(text) {
    const from = this.lastIndex;
    const found = super.exec(text);
    read((found === null ? text.length : this.lastIndex) - from);
    return found;
  }
}

const inline = { ...Lexer.rules.inline.breaks };
for (const name of /** @type {const} */ (["emStrongRDelimAst", "emStrongRDelimUnd", "delRDelim"]))
  inline[name] = new Search(inline[name]);

class Reader extends Tokenizer {
  // HTML, definitions (they would vanish) and underlined headings (a line of dashes is just that) are text.
  html = none;
  tag = none;
  def = none;
  lheading = none;

  /**
   * Every row gets as many cells as the header has: a short text could be a table of a hundred thousand.
   * @param {string} src
   */
  table(src) {
    const [, columns = ""] = src.split("\n", 2);
    if (!/[:|]/.test(columns)) return undefined; // a lexer that looks for itself reads all that follows
    const [raw = "", , , rows = ""] = this.rules.block.table.exec(src) ?? [];
    return columns.split("|").length * rows.split("\n").length > raw.length ? undefined : super.table(src);
  }

  /** @param {string} src */
  codespan(src) {
    const token = super.codespan(src);
    if (token === undefined && src.startsWith("`")) read(src.length);
    return token;
  }

  /** @param {string} src */
  inlineText(src) {
    read(BEFORE_AT.exec(src)?.[0].length ?? 0);
    return super.inlineText(src);
  }
}

function none() {
  return undefined;
}

/** @param {string} text */
function tokensOf(text) {
  left = READ * text.length;
  const tokenizer = new Reader();
  const lexer = new Lexer({ gfm: true, breaks: true, tokenizer });
  tokenizer.rules = { ...tokenizer.rules, inline };
  return lexer.lex(text);
}

/**
 * The vnodes of a text, or null when it is better shown as it was typed.
 * @param {string} text
 * @returns {Children | null}
 */
export function render(text) {
  if (TOO_DEEP.test(text)) return null;
  try {
    const tokens = tokensOf(text);
    const seen = { something: false };
    const blocks = blocksOf(tokens, 0, seen);
    return seen.something ? blocks : null;
  } catch {
    return null; // it takes too long, or the stack is full
  }
}

/**
 * The beginning of a text on one line, without its marks; as it was typed when nothing would be left.
 * @param {string} text
 */
export function brief(text) {
  const beginning = text.slice(0, BEGINNING);
  if (TOO_DEEP.test(beginning)) return beginning;
  try {
    return wordsOf(tokensOf(beginning)).replace(/\s+/g, " ").trim() || beginning;
  } catch {
    return beginning;
  }
}

/** @param {Token[] | undefined} tokens @returns {string} */
const wordsOf = (tokens) => (tokens ?? []).map(words).join("");

/** @param {Token} any @returns {string} */
function words(any) {
  const token = /** @type {import("marked").MarkedToken} */ (any);
  switch (token.type) {
    case "paragraph":
    case "heading":
    case "blockquote":
      return `${wordsOf(token.tokens)} `;
    case "list":
      return token.items.map((item) => `${wordsOf(item.tokens)} `).join("");
    case "table":
      return [token.header, ...token.rows].flatMap((row) => row.map((cell) => `${wordsOf(cell.tokens)} `)).join("");
    case "code":
      return `${token.text} `;
    case "codespan":
    case "escape":
      return token.text;
    case "strong":
    case "em":
    case "del":
      return wordsOf(token.tokens);
    case "text":
      return token.tokens ? wordsOf(token.tokens) : token.text;
    case "link":
      return address(token.href) ? wordsOf(token.tokens) || token.href : token.raw;
    case "image":
      return address(token.href) ? token.text || token.href : token.raw;
    case "br":
    case "hr":
    case "checkbox":
      return " ";
    default:
      return token.raw;
  }
}

/** @typedef {{ something: boolean }} Seen Has anything come out that can be seen? */

/** @param {Token[]} tokens @param {number} depth @param {Seen} seen @returns {Children[]} */
const blocksOf = (tokens, depth, seen) => tokens.map((token) => block(token, depth, seen));

/** @param {Token[] | undefined} tokens @param {number} depth @param {Seen} seen @returns {Children[]} */
const spansOf = (tokens, depth, seen) => (tokens ?? []).map((token) => span(token, depth, seen));

/** @param {Token} any @param {number} depth @param {Seen} seen @returns {Children} */
function block(any, depth, seen) {
  if (depth > DEPTH) return plain(any.raw, seen);
  const token = /** @type {import("marked").MarkedToken} */ (any);
  switch (token.type) {
    case "space":
      return null;
    case "paragraph":
      return html`<p dir=${own(depth)}>${spansOf(token.tokens, depth + 1, seen)}</p>`;
    case "heading":
      return html`<p class="heading" dir=${own(depth)}>${spansOf(token.tokens, depth + 1, seen)}</p>`;
    case "text":
      return token.tokens ? spansOf(token.tokens, depth + 1, seen) : plain(token.text, seen);
    case "blockquote":
      return html`<blockquote dir=${own(depth)}>${blocksOf(token.tokens, depth + 1, seen)}</blockquote>`;
    case "code":
      seen.something = true;
      return html`<${CodeBlock} text=${token.text} lang=${token.lang} />`;
    case "hr":
      return html`<hr />`;
    case "list":
      return list(token, depth, seen);
    case "table":
      return table(token, depth, seen);
    default:
      return span(any, depth, seen);
  }
}

/**
 * The outermost blocks have a direction each; a block whose parts have their own would be taken for empty.
 * @param {number} depth
 */
const own = (depth) => (depth === 0 ? "auto" : undefined);

/** @param {import("marked").Tokens.List} token @param {number} depth @param {Seen} seen */
function list(token, depth, seen) {
  const items = token.items.map(
    (item) => html`<li class=${item.task ? "task" : undefined}>
      ${
        item.task &&
        html`<span class="box" role="img" aria-label=${t(item.checked ? "taskDone" : "taskOpen")}>
        ${item.checked && html`<${Icon} name="check" size=${12} />`}
      </span>`
      }
      ${blocksOf(
        item.tokens.filter((one) => one.type !== "checkbox"),
        depth + 1,
        seen,
      )}
    </li>`,
  );
  return token.ordered
    ? html`<ol start=${token.start === "" ? 1 : token.start} dir=${own(depth)}>${items}</ol>`
    : html`<ul dir=${own(depth)}>${items}</ul>`;
}

/** @param {import("marked").Tokens.Table} token @param {number} depth @param {Seen} seen */
function table(token, depth, seen) {
  /** @param {import("marked").Tokens.TableCell} cell @param {"th" | "td"} tag */
  const one = (cell, tag) =>
    html`<${tag} class=${cell.align && `to-${cell.align}`} dir="auto">${spansOf(cell.tokens, depth + 1, seen)}<//>`;
  return html`<div class="table" tabindex="0" role="group" aria-label=${t("table")}><table>
    <thead><tr>${token.header.map((cell) => one(cell, "th"))}</tr></thead>
    <tbody>${token.rows.map((row) => html`<tr>${row.map((cell) => one(cell, "td"))}</tr>`)}</tbody>
  </table></div>`;
}

/** @param {Token} any @param {number} depth @param {Seen} seen @returns {Children} */
function span(any, depth, seen) {
  if (depth > DEPTH) return plain(any.raw, seen);
  const token = /** @type {import("marked").MarkedToken} */ (any);
  switch (token.type) {
    case "strong":
      return html`<strong>${spansOf(token.tokens, depth + 1, seen)}</strong>`;
    case "em":
      return html`<em>${spansOf(token.tokens, depth + 1, seen)}</em>`;
    case "del":
      return html`<del>${spansOf(token.tokens, depth + 1, seen)}</del>`;
    case "codespan":
      seen.something = true;
      return html`<code>${token.text}</code>`;
    case "br":
      return html`<br />`;
    case "escape":
      return plain(token.text, seen);
    case "link":
      return link(token.href, token.raw, spansOf(token.tokens, depth + 1, seen), seen);
    case "image":
      return link(token.href, token.raw, [html`<${Icon} name="eye" size=${14} />`, token.text || token.href], seen);
    case "text":
      return token.tokens ? spansOf(token.tokens, depth + 1, seen) : plain(token.text, seen);
    case "paragraph":
    case "list":
    case "blockquote":
    case "code":
    case "heading":
    case "hr":
    case "table":
      return block(token, depth, seen);
    default:
      return plain(any.raw, seen);
  }
}

/** @param {string} text @param {Seen} seen */
function plain(text, seen) {
  if (/\S/.test(text)) seen.something = true;
  return text;
}

/**
 * A link to another page or a mail; anything else (javascript:, data:, relative) stays as it was typed.
 * @param {string} href @param {string} raw @param {Children[]} words @param {Seen} seen
 */
function link(href, raw, words, seen) {
  seen.something = true;
  const url = address(href);
  if (!url) return raw;
  // An empty text would be a link that nobody sees. The hint shows where a link goes that says something else.
  const shown = words.some((word) => word !== "") ? words : href;
  const hint = raw === href ? undefined : url.href;
  return html`<a href=${url.href} target="_blank" rel="noopener noreferrer nofollow" data-hint=${hint}>${shown}</a>`;
}

/** @param {string} href */
function address(href) {
  if (!/^(https?:\/\/|mailto:)/i.test(href)) return null; // without a base: no address is relative to this page
  try {
    const url = new URL(href);
    return SAFE.has(url.protocol) ? url : null;
  } catch {
    return null;
  }
}

/** @param {{ text: string, lang?: string }} props */
function CodeBlock({ text, lang }) {
  const name = /^[\w+#.-]{1,20}/.exec(lang ?? "")?.[0];
  return html`<figure class="code">
    <pre tabindex="0" dir="ltr"
      aria-label=${name ? t("codeIn", { language: name }) : t("code")}><code>${text}</code></pre>
    <button type="button" class="icon-button" aria-label=${t("copyCode")} data-hint=${t("copyCode")}
      onClick=${() => copy(text)}><${Icon} name="copy" /></button>
    ${name && html`<figcaption>${name}</figcaption>`}
  </figure>`;
}
