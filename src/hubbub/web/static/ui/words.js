/** Sentences that the store, and the server behind it, ask for: problems above all. */

import { problemOf } from "../core/problems.js";
import { en } from "../i18n/en.js";
import { t } from "../i18n/language.js";

/** @typedef {import("../core/types.d.ts").Words} Words */
/** @typedef {import("../i18n/language.js").Key} Key */

/** A sentence of the store; one that is newer than the catalogue is told in general. @param {Words} words */
export const say = ({ key, args }) => t(key in en ? /** @type {Key} */ (key) : "error.internal", args);

/**
 * @typedef {{ fields: Record<string, string>, form: string | null }} Errors What is wrong, beside each field and with the whole.
 */

/** @type {Errors} */
export const NO_ERRORS = Object.freeze({ fields: {}, form: null });

/** @typedef {Record<string, { field?: string, words: Key }>} Special What a problem means in a form, by its code. */

/**
 * What was thrown, as words beside the field it is about, if the form has it.
 * @param {unknown} thrown
 * @param {string[]} fields those of the form
 * @param {Special} special
 * @returns {Errors}
 */
export function errorsOf(thrown, fields, special) {
  const problem = problemOf(thrown);
  const here = special[problem.code];
  if (here)
    return here.field ? { fields: { [here.field]: t(here.words) }, form: null } : { fields: {}, form: t(here.words) };
  const field = problem.field?.split(".").pop() ?? "";
  if (!fields.includes(field)) return { fields: {}, form: say(problem.words) };
  const known = [`error.${field}.${problem.code}`, `error.${field}`].find((key) => key in en);
  return { fields: { [field]: known ? t(/** @type {Key} */ (known)) : say(problem.words) }, form: null };
}
