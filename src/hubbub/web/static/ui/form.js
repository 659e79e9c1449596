/** Forms: what they hold, what is wrong with it, and that they are on their way. */

import { useRef, useState } from "preact/hooks";
import { errorsOf, NO_ERRORS } from "./words.js";

/** @typedef {import("./words.js").Errors} Errors */

/**
 * @template {Record<string, string>} T
 * @param {T} initial
 * @param {(values: T) => Promise<unknown>} submit rejects with a Problem
 * @param {(values: T) => Record<string, string | false | null | undefined>} [check] what is wrong before it is sent, by field
 * @param {import("./words.js").Special} [special] what problems mean here
 */
export function useForm(initial, submit, check = () => ({}), special = {}) {
  const [values, setValues] = useState(initial);
  const [errors, setErrors] = useState(/** @type {Errors} */ (NO_ERRORS));
  const [busy, setBusy] = useState(false);
  const form = useRef(/** @type {HTMLFormElement | null} */ (null));

  /** @param {Errors} next */
  const refuse = (next) => {
    setErrors(next);
    const first = Object.keys(next.fields)[0];
    if (first) /** @type {HTMLElement | null} */ (form.current?.querySelector(`[name="${first}"]`))?.focus();
  };
  return {
    values,
    errors,
    busy,
    /** @param {keyof T & string} name */
    set: (name) => (/** @type {string} */ value) => {
      setValues((now) => ({ ...now, [name]: value }));
      setErrors(({ fields: { [name]: _, ...others }, form: whole }) => ({ fields: others, form: whole }));
    },
    /** @param {keyof T & string} name */
    field: (name) => ({ name, value: values[name], error: errors.fields[name] }),
    /** What the form element takes. */
    form: {
      ref: form,
      class: "form",
      noValidate: true,
      onSubmit: async (/** @type {Event} */ event) => {
        event.preventDefault();
        if (busy) return;
        const wrong = Object.entries(check(values)).filter(([, text]) => text);
        if (wrong.length)
          return refuse({ fields: /** @type {Record<string, string>} */ (Object.fromEntries(wrong)), form: null });
        setBusy(true);
        try {
          setErrors(NO_ERRORS);
          await submit(values);
        } catch (thrown) {
          refuse(errorsOf(thrown, Object.keys(initial), special));
        } finally {
          setBusy(false);
        }
      },
    },
  };
}
