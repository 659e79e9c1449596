/** Sign in, or make an account. */

import { signal } from "@preact/signals";
import { t } from "../i18n/language.js";
import { ended, signIn, signUp } from "../store/session.js";
import { deviceName } from "./device.js";
import { Field, FormError } from "./field.js";
import { useForm } from "./form.js";
import { html } from "./html.js";
import { Logo } from "./icon.js";
import { LanguageMenu } from "./look.js";
import { say } from "./words.js";

const page = signal(/** @type {"signin" | "register"} */ ("signin"));

/** May strangers make an account here? */
const open = document.querySelector('meta[name="hubbub-registration"]')?.getAttribute("content") !== "closed";

export function SignIn() {
  const registering = open && page.value === "register";
  return html`<div class="signin">
    <main>
      <div class="brand"><${Logo} size=${30} />hubbub</div>
      ${registering ? html`<${RegisterForm} />` : html`<${SignInForm} />`}
      ${
        open
          ? html`<p class="other">${registering ? t("haveAccount") : t("noAccount")}${" "}
            <button type="button" class="link" onClick=${() => (page.value = registering ? "signin" : "register")}>
              ${registering ? t("signIn") : t("register")}
            </button></p>`
          : html`<p class="other">${t("registrationClosed")}</p>`
      }
    </main>
    <footer><${LanguageMenu} /></footer>
  </div>`;
}

function SignInForm() {
  const { form, field, set, errors, busy } = useForm(
    { username: "", password: "" },
    ({ username, password }) => signIn(username, password, deviceName()),
    ({ username, password }) => ({
      username: !username.trim() && t("needUsername"),
      password: !password && t("needPassword"),
    }),
    { unauthenticated: { words: "error.credentials" }, forbidden: { words: "error.disabled" } },
  );
  return html`<h1>${t("signInTitle")}</h1>
    <p class="lead">${t("signInLead")}</p>
    <form ...${form}>
      <${FormError} text=${errors.form ?? (ended.value && say(ended.value))} />
      <${Field} ...${field("username")} label=${t("usernameOrEmail")} onInput=${set("username")}
        autocomplete="username" focus />
      <${Field} ...${field("password")} label=${t("password")} type="password" onInput=${set("password")}
        autocomplete="current-password" />
      <${Submit} busy=${busy} label=${t("signIn")} />
    </form>`;
}

function RegisterForm() {
  const { form, field, set, errors, busy } = useForm(
    { display_name: "", username: "", email: "", password: "" },
    (values) =>
      signUp({ ...values, display_name: values.display_name.trim(), email: values.email.trim() }, deviceName()),
    (values) => ({
      display_name: !values.display_name.trim() && t("needName"),
      username: !/^[A-Za-z0-9][A-Za-z0-9._-]{1,31}$/.test(values.username) && t("error.username"),
      email: !/^[^@\s]+@[^@\s]+$/.test(values.email.trim()) && t("error.email"),
      password: values.password.length < 8 && t("error.password"),
    }),
    { conflict: { field: "username", words: "error.taken" } },
  );
  return html`<h1>${t("registerTitle")}</h1>
    <p class="lead">${t("registerLead")}</p>
    <form ...${form}>
      <${FormError} text=${errors.form} />
      <${Field} ...${field("display_name")} label=${t("displayName")} hint=${t("displayNameHint")}
        onInput=${set("display_name")} autocomplete="name" maxLength=${80} />
      <${Field} ...${field("username")} label=${t("username")} hint=${t("usernameHint")} onInput=${set("username")}
        autocomplete="username" maxLength=${32} />
      <${Field} ...${field("email")} label=${t("email")} hint=${t("emailHint")} type="email" onInput=${set("email")}
        autocomplete="email" maxLength=${254} />
      <${Field} ...${field("password")} label=${t("password")} hint=${t("passwordHint")} type="password"
        onInput=${set("password")} autocomplete="new-password" maxLength=${256} />
      <${Submit} busy=${busy} label=${t("register")} />
    </form>`;
}

/** The one button that sends a form. @param {{ busy: boolean, label: string, }} props */
function Submit({ busy, label }) {
  return html`<button type="submit" class="button primary wide" aria-busy=${busy}>
    ${busy && html`<span class="spinner"></span>`}${label}
  </button>`;
}
