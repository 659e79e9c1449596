/** Templates: `html` makes vnodes, never strings of HTML. */

import { html as bound } from "htm/preact";

/** @type {(strings: TemplateStringsArray, ...values: unknown[]) => import("preact").VNode<any>} */
export const html = /** @type {any} */ (bound);

/**
 * Join the class names that are there.
 * @param {...(string | false | null | undefined)} names
 */
export const classes = (...names) => names.filter(Boolean).join(" ");
