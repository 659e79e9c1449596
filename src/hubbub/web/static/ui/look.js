/** Light or dark, and the language. */

import { effect, signal } from "@preact/signals";
import { chooseLanguage, language, LANGUAGES, t } from "../i18n/language.js";
import { toast } from "../store/announce.js";
import { Dialog } from "./dialog.js";
import { Choice } from "./field.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";
import { Menu } from "./menu.js";

/** @typedef {import("../i18n/language.js").Language} Language */

const STORED = "hubbub.theme";

/** @typedef {"system" | "light" | "dark"} Theme */

/** @type {import("@preact/signals").Signal<Theme>} */
const theme = signal(stored());

/** @returns {Theme} */
function stored() {
  try {
    const kept = localStorage.getItem(STORED);
    return kept === "light" || kept === "dark" ? kept : "system";
  } catch {
    return "system";
  }
}

/** Show the theme that was chosen, from now on. */
export function startTheme() {
  effect(() => {
    document.documentElement.dataset.theme = theme.value;
    try {
      localStorage.setItem(STORED, theme.value);
    } catch {
      // A browser that keeps nothing shows its own theme next time.
    }
  });
}

export function LookDialog() {
  return html`<${Dialog} title=${t("look")}>
    <div class="form">
      <${Choice} label=${t("theme")} name="theme" value=${theme.value}
        onChange=${(/** @type {Theme} */ next) => (theme.value = next)}
        options=${[
          { value: "system", label: t("themeSystem") },
          { value: "light", label: t("themeLight") },
          { value: "dark", label: t("themeDark") },
        ]} />
      <${LanguageChoice} />
    </div>
  <//>`;
}

/** @param {Language} next */
const choose = (next) => chooseLanguage(next).catch(() => toast({ key: "error.unreachable" }, "bad"));

function LanguageChoice() {
  return html`<${Choice} label=${t("language")} name="language" value=${language()} onChange=${choose}
    options=${Object.entries(LANGUAGES).map(([value, label]) => ({ value, label }))} />`;
}

/** The language before anybody is signed in. */
export function LanguageMenu() {
  return html`<${Menu} label=${`${t("language")}: ${LANGUAGES[language()]}`} class="button quiet small" hint=${false}
      align="start"
    items=${Object.entries(LANGUAGES).map(([tag, label]) => ({
      label,
      checked: tag === language(),
      act: () => choose(/** @type {Language} */ (tag)),
    }))}>
    <${Icon} name="globe" />${LANGUAGES[language()]}
  <//>`;
}
