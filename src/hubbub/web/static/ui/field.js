/** Fields: a label, what is typed, a hint, and beside it what is wrong with it. */

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { t } from "../i18n/language.js";
import { closeDialog } from "./dialog.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";

/**
 * @param {{ label: string, value: string, onInput: (value: string) => void, error?: string | null, hint?: string,
 *   type?: "text" | "password" | "email" | "search", name: string, autocomplete?: string, autofocus?: boolean,
 *   focus?: boolean, maxLength?: number, optional?: boolean, placeholder?: string }} props
 */
export function Field(props) {
  const { label, value, onInput, error, hint, type = "text", name, optional } = props;
  const id = useId();
  const [shown, setShown] = useState(false);
  const ref = useRef(/** @type {HTMLInputElement | null} */ (null));
  useEffect(() => {
    if (props.focus) ref.current?.focus();
  }, []);
  const described = [error && `${id}-error`, hint && `${id}-hint`].filter(Boolean).join(" ") || undefined;
  const input = html`<input ref=${ref} id=${id} class="input" name=${name} value=${value}
    type=${type === "password" && shown ? "text" : type} autocomplete=${props.autocomplete ?? "off"}
    autocapitalize=${type === "text" && props.autocomplete === undefined ? "sentences" : "none"}
    spellcheck=${false} dir="auto" maxlength=${props.maxLength} placeholder=${props.placeholder}
    aria-invalid=${Boolean(error)} aria-describedby=${described} aria-required=${!optional}
    data-autofocus=${props.autofocus}
    onInput=${(/** @type {InputEvent} */ event) => onInput(/** @type {HTMLInputElement} */ (event.target).value)} />`;
  return html`<div class="field">
    <label for=${id}>${label}${optional && html` <span class="hint">${t("optional")}</span>`}</label>
    ${
      type === "password"
        ? html`<div class="with-button">${input}
          <button type="button" class="icon-button" aria-label=${t("showPassword")} aria-pressed=${shown}
            data-hint=${shown ? t("hidePassword") : t("showPassword")} onClick=${() => setShown(!shown)}>
            <${Icon} name="eye" />
          </button>
        </div>`
        : input
    }
    ${error && html`<p class="error" id="${id}-error"><${Icon} name="alert" size=${14} /><span>${error}</span></p>`}
    ${hint && !error && html`<p class="hint" id="${id}-hint">${hint}</p>`}
  </div>`;
}

/**
 * A few possibilities in one bar, or as choices with a sentence each.
 * @param {{ label: string, name: string, value: string, onChange: (value: string) => void,
 *   options: { value: string, label: string, hint?: string }[], sentences?: boolean }} props
 */
export function Choice({ label, name, value, onChange, options, sentences = false }) {
  return html`<fieldset class="field">
    <legend>${label}</legend>
    <div class=${sentences ? "choices" : "segments"}>
      ${options.map(
        (option) => html`<label key=${option.value}>
          <input type="radio" name=${name} value=${option.value} checked=${option.value === value}
            onChange=${() => onChange(option.value)} />
          <span>${option.label}</span>${option.hint && html`<small>${option.hint}</small>`}
        </label>`,
      )}
    </div>
  </fieldset>`;
}

/**
 * What is wrong with a whole form, spoken at once.
 * @param {{ text: string | null | undefined }} props
 */
export function FormError({ text }) {
  return html`<div role="alert">${text && html`<p class="alert"><${Icon}
      name="alert" /><span>${text}</span></p>`}</div>`;
}

/** The end of a form in a dialog. @param {{ label: string, busy: boolean, disabled?: boolean }} props */
export function FormActions({ label, busy, disabled = false }) {
  return html`<div class="actions">
    <button type="button" class="button" onClick=${closeDialog}>${t("cancel")}</button>
    <button type="submit" class="button primary" aria-busy=${busy} disabled=${disabled}>
      ${busy && html`<span class="spinner"></span>`}${label}
    </button>
  </div>`;
}
