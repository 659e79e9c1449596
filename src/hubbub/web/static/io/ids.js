/** Words that never come twice. `crypto.randomUUID` is missing where a page does not come over HTTPS. */

/** @param {number} [bytes] */
export function newId(bytes = 16) {
  const random = crypto.getRandomValues(new Uint8Array(bytes));
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
