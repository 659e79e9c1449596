/** How others see me, where mail reaches me, and my password. */

import { displayName } from "../core/format.js";
import { t } from "../i18n/language.js";
import { changePassword, changeProfile, me as user } from "../store/session.js";
import { toast } from "../store/announce.js";
import { Avatar } from "./avatar.js";
import { closeDialog, Dialog } from "./dialog.js";
import { Field, FormActions, FormError } from "./field.js";
import { useForm } from "./form.js";
import { html } from "./html.js";

export function ProfileDialog() {
  const me = /** @type {import("../core/types.d.ts").Profile} */ (user.value);
  const { form, field, set, errors, busy, values } = useForm(
    { display_name: displayName(me), email: me.email ?? "", password: "" },
    async ({ display_name, email, password }) => {
      const moved = email.trim() !== (me.email ?? "");
      await changeProfile({ display_name: display_name.trim(), ...(moved ? { email: email.trim(), password } : {}) });
      closeDialog();
      toast({ key: "profileSaved" });
    },
    ({ display_name, email, password }) => ({
      display_name: !display_name.trim() && t("needName"),
      email: !/^[^@\s]+@[^@\s]+$/.test(email.trim()) && t("error.email"),
      password: email.trim() !== (me.email ?? "") && !password && t("needPasswordForEmail"),
    }),
  );
  const moved = values.email.trim() !== (me.email ?? "");
  return html`<${Dialog} title=${t("profile")}>
    <div class="person">
      <${Avatar} id=${me.id} name=${values.display_name || me.username} size="large" />
      <div><strong dir="auto">${values.display_name || me.username}</strong><small>@${me.username}</small></div>
    </div>
    <form ...${form}>
      <${FormError} text=${errors.form} />
      <${Field} ...${field("display_name")} label=${t("displayName")} hint=${t("displayNameHint")}
        onInput=${set("display_name")} autocomplete="name" maxLength=${80} />
      <${Field} ...${field("email")} label=${t("email")} hint=${t("emailHint")} type="email" onInput=${set("email")}
        autocomplete="email" maxLength=${254} />
      ${moved && html`<${Field} ...${field("password")} label=${t("password")} hint=${t("passwordForEmail")}
          type="password" onInput=${set("password")} autocomplete="current-password" />`}
      <${FormActions} label=${t("save")} busy=${busy} />
    </form>
  <//>`;
}

export function PasswordDialog() {
  const { form, field, set, errors, busy } = useForm(
    { old_password: "", new_password: "" },
    async ({ old_password, new_password }) => {
      await changePassword(old_password, new_password);
      closeDialog();
      toast({ key: "passwordChanged" });
    },
    ({ old_password, new_password }) => ({
      old_password: !old_password && t("needPassword"),
      new_password: new_password.length < 8 && t("error.password"),
    }),
  );
  return html`<${Dialog} title=${t("changePassword")}>
    <p class="lead">${t("passwordLead")}</p>
    <form ...${form}>
      <${FormError} text=${errors.form} />
      <${Field} ...${field("old_password")} label=${t("oldPassword")} type="password" onInput=${set("old_password")}
        autocomplete="current-password" autofocus />
      <${Field} ...${field("new_password")} label=${t("newPassword")} hint=${t("passwordHint")} type="password"
        onInput=${set("new_password")} autocomplete="new-password" maxLength=${256} />
      <${FormActions} label=${t("changePassword")} busy=${busy} />
    </form>
  <//>`;
}
