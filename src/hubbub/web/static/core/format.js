/**
 * Names and times as people read them. `Intl` is slow to begin with, so each format is made when it is first needed.
 *
 * @import {User} from "./types.d.ts"
 */

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/**
 * @param {string} locale
 * @param {Intl.DateTimeFormatOptions} options
 */
function format(locale, options) {
  const key = locale + JSON.stringify(options);
  let found = formats.get(key);
  if (found === undefined) formats.set(key, (found = new Intl.DateTimeFormat(locale, options)));
  return found;
}

/**
 * The time of day.
 *
 * @param {string} at
 * @param {string} locale
 */
export function clock(at, locale) {
  return format(locale, { hour: "2-digit", minute: "2-digit" }).format(new Date(at));
}

/**
 * The day in words; the year only when it is another one.
 *
 * @param {string} at
 * @param {string} locale
 * @param {Date} [now]
 */
export function day(at, locale, now = new Date()) {
  const date = new Date(at);
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { weekday: "long", day: "numeric", month: "long" };
  if (date.getFullYear() !== now.getFullYear()) options.year = "numeric";
  return format(locale, options).format(date);
}

/**
 * Date and time in full, for a title.
 *
 * @param {string} at
 * @param {string} locale
 */
export function moment(at, locale) {
  return format(locale, { dateStyle: "full", timeStyle: "short" }).format(new Date(at));
}

/**
 * Do two moments lie on the same day here?
 *
 * @param {string} one
 * @param {string} other
 */
export function sameDay(one, other) {
  const [first, second] = [new Date(one), new Date(other)];
  return (
    first.getDate() === second.getDate() &&
    first.getMonth() === second.getMonth() &&
    first.getFullYear() === second.getFullYear()
  );
}

/**
 * What to call a person.
 *
 * @param {User | undefined} user
 */
export function displayName(user) {
  return user === undefined ? "" : user.display_name || user.username;
}

/**
 * One or two characters that stand for a name; whole ones, whatever the script.
 *
 * @param {string} name
 */
export function initials(name) {
  const words = name.split(/[\s_-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const chosen = words.length > 1 ? [...words.slice(0, 1), ...words.slice(-1)] : words;
  const letters = chosen.map((word) => /[\p{L}\p{N}]\p{M}*/u.exec(word)?.[0] ?? "");
  return letters.join("").toLocaleUpperCase() || [...name].slice(0, 1).join("");
}
