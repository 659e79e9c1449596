/**
 * The language of the interface: its sentences, plurals, dates and numbers. English is always there; another catalogue
 * is fetched when it is chosen. The makers of `Intl` cost milliseconds each and are made when first needed.
 */

import { signal } from "@preact/signals";
import { obtain } from "../io/modules.js";
import { en } from "./en.js";

/** @typedef {keyof typeof en} Key */
/** @typedef {Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }} Plural */
/** @typedef {Record<Key, string | Plural>} Catalogue */

/** The languages there are, by their own names. */
export const LANGUAGES = Object.freeze({ en: "English", de: "Deutsch" });

/** @typedef {keyof typeof LANGUAGES} Language */

const STORED = "hubbub.language";
// The blocks whose letters have the bidirectional class R or AL (Unicode, DerivedBidiClass.txt).
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;

/** @type {import("@preact/signals").Signal<{ language: Language, words: Catalogue }>} */
const current = signal({ language: "en", words: en });

let choices = 0; // of a language, so far

/** @type {Map<string, any>} */
const made = new Map();

/** The language that is shown. @returns {Language} */
export const language = () => current.value.language;

/** Show the stored language, or else the first of the browser's that there is; English if that cannot be had. */
export async function startLanguage() {
  const wanted = [stored(), ...navigator.languages.map((tag) => tag.slice(0, 2))];
  const first = /** @type {Language} */ (wanted.find((tag) => tag && tag in LANGUAGES) ?? "en");
  await showLanguage(first).catch(() => showLanguage("en"));
}

/** Show another language, and keep the choice. Rejects when it cannot be had. @param {Language} next */
export async function chooseLanguage(next) {
  if (!(await showLanguage(next))) return;
  try {
    localStorage.setItem(STORED, next);
  } catch {
    // A browser that keeps nothing asks again next time.
  }
}

/** False when another one was wanted meanwhile: the latest choice is shown, not the slowest. @param {Language} next */
async function showLanguage(next) {
  const choice = ++choices;
  try {
    const words = next === "en" ? en : await fetched(next);
    if (choice !== choices) return false;
    made.clear();
    document.documentElement.lang = next;
    current.value = { language: next, words };
    return true;
  } catch (error) {
    if (choice !== choices) return false;
    current.value = { ...current.value }; // what shows a choice shows the old one again
    throw error;
  }
}

/** @param {Language} tag */
async function fetched(tag) {
  await obtain(new URL(`./${tag}.js`, import.meta.url));
  return (await import(`./${tag}.js`))[tag];
}

function stored() {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/**
 * The sentence of a key, with its {names} filled in. `n` chooses among the plural forms.
 * @param {Key} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values) {
  const { words, language: tag } = current.value;
  const entry = /** @type {string | Plural} */ (words[key]);
  const form =
    typeof entry === "string" ? entry : (entry[plurals(tag).select(Number(values?.n ?? values?.count))] ?? entry.other);
  return form.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values?.[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? number(value) : isolated(value);
  });
}

/**
 * A name that runs the other way must not turn the sentence around it (Unicode 6.3: FSI and PDI).
 * @param {string} text
 */
const isolated = (text) => (RIGHT_TO_LEFT.test(text) ? `\u2068${text}\u2069` : text);

/** @template T @param {string} key @param {() => T} make @returns {T} */
function once(key, make) {
  const known = made.get(key);
  if (known) return known;
  const fresh = make();
  made.set(key, fresh);
  return fresh;
}

/** @param {string} tag */
const plurals = (tag) => once("plurals", () => new Intl.PluralRules(tag));

/** @param {number} value */
const number = (value) =>
  value < 1000 ? String(value) : once("number", () => new Intl.NumberFormat(language())).format(value);

/** English has dates as day and month, hours to 24: as the pages around them. @param {Language} tag */
const locale = (tag) => (tag === "en" ? (navigator.languages.find((one) => one.startsWith("en")) ?? "en-GB") : tag);

/** @param {string} name @param {Intl.DateTimeFormatOptions} options */
function formatOf(name, options) {
  const tag = locale(language());
  return once(name, () => new Intl.DateTimeFormat(tag, options));
}

/** @param {string} name @param {Intl.DateTimeFormatOptions} options @param {Date} date */
const dated = (name, options, date) => formatOf(name, options).format(date);

const CLOCK = Object.freeze({ hour: "2-digit", minute: "2-digit" });

/** 09:41, or 09:41 AM @param {Date} date */
export const clockTime = (date) => dated("time", CLOCK, date);

/** 09:41, where there is no space for AM. @param {Date} date */
export const bareTime = (date) =>
  formatOf("time", CLOCK)
    .formatToParts(date)
    .map(({ type, value }) => (type === "dayPeriod" ? "" : value))
    .join("")
    .trim();

/** The whole moment, for hints. @param {Date} date */
export const wholeTime = (date) => dated("whole", { dateStyle: "full", timeStyle: "short" }, date);

/** Today, Yesterday, Wednesday 12 August. @param {Date} date */
export function dayName(date) {
  const days = daysAgo(date);
  if (days === 0) return t("today");
  if (days === 1) return t("yesterday");
  const year = date.getFullYear() === new Date().getFullYear();
  return year
    ? dated("day", { weekday: "long", day: "numeric", month: "long" }, date)
    : dated("dayOfYear", { day: "numeric", month: "long", year: "numeric" }, date);
}

/** As short as it can be: the time today, then the weekday, then the date. @param {Date} date */
export function shortTime(date) {
  const days = daysAgo(date);
  if (days <= 0) return clockTime(date);
  if (days === 1) return t("yesterday");
  if (days < 7) return dated("weekday", { weekday: "short" }, date);
  const year = date.getFullYear() === new Date().getFullYear();
  return year
    ? dated("short", { day: "numeric", month: "short" }, date)
    : dated("shortYear", { day: "numeric", month: "numeric", year: "2-digit" }, date);
}

/** 12 minutes ago, for what is recent; else the date. @param {Date} date */
export function agoTime(date) {
  const minutes = Math.round((Date.now() - date.getTime()) / 60_000);
  const format = once("ago", () => new Intl.RelativeTimeFormat(language(), { numeric: "auto" }));
  if (minutes < 1) return t("justNow");
  if (minutes < 60) return format.format(-minutes, "minute");
  if (minutes < 24 * 60) return format.format(-Math.round(minutes / 60), "hour");
  if (minutes < 30 * 24 * 60) return format.format(-Math.round(minutes / 60 / 24), "day");
  return shortTime(date);
}

/** How many midnights lie between then and now. @param {Date} date */
function daysAgo(date) {
  const now = new Date();
  const midnight = new Date(now.getFullYear(), now.getMonth(), now.getDate()).getTime();
  const then = new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
  return Math.round((midnight - then) / 86_400_000);
}

/** Order two names as the language does. @param {string} left @param {string} right */
export function compareNames(left, right) {
  const tag = language();
  return once("names", () => new Intl.Collator(tag, { sensitivity: "base", numeric: true })).compare(left, right);
}
