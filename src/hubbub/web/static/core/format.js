/**
 * Names as people read them, and days.
 *
 * @import {User} from "./types.d.ts"
 */

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
 * What tells a person from others who are called alike, where their name does not say it already.
 *
 * @param {User | undefined} user
 */
export function handle(user) {
  const said = user === undefined || displayName(user).toLowerCase() === user.username.toLowerCase();
  return said ? "" : `@${user.username}`;
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
