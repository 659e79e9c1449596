/** Everybody's accounts, for administrators: who there is, who may not sign in, and who decides about that. */

import { useEffect, useState } from "preact/hooks";
import { displayName } from "../core/format.js";
import { t } from "../i18n/language.js";
import { accountsFound, moreAccounts, recheck, searchAccounts, setDisabled } from "../store/accounts.js";
import { toast } from "../store/announce.js";
import { me } from "../store/session.js";
import { Avatar } from "./avatar.js";
import { ConnectionLine, ReleaseLine } from "./connection.js";
import { ask } from "./dialog.js";
import { classes, html } from "./html.js";
import { Icon } from "./icon.js";
import { Bones, Failed } from "./load.js";
import { go } from "./routes.js";
import { say } from "./words.js";

/** @typedef {import("../core/types.d.ts").Profile} Profile */

export function Accounts() {
  useEffect(() => void recheck(), []);
  return html`<main class="room accounts">
    <header class="bar">
      <button type="button" class="icon-button only-phone" aria-label=${t("back")}
        onClick=${() => go(null)}><${Icon} name="back" size=${20} /></button>
      <div class="title"><h1>${t("accounts")}</h1></div>
    </header>
    <${ConnectionLine} />
    <${ReleaseLine} />
    ${me.value?.is_admin ? html`<${Everybody} />` : html`<${NotForYou} />`}
  </main>`;
}

function NotForYou() {
  return html`<div class="empty">
    <span class="mark"><${Icon} name="lock" size=${22} /></span>
    <h2>${t("accountsRefused")}</h2>
    <p>${t("accountsRefusedHint")}</p>
    <div class="actions"><button type="button" class="button" onClick=${() => go(null)}>${t("toList")}</button></div>
  </div>`;
}

function Everybody() {
  const [query, setQuery] = useState("");
  useEffect(() => searchAccounts(query), [query]);
  const { items, more, status, problem } = accountsFound.value;
  return html`<div class="scroll"><div class="column">
    <div class="with-icon">
      <${Icon} name="search" />
      <input class="input" enterkeyhint="search" value=${query} placeholder=${t("findPeople")}
        aria-label=${t("findPeople")} autocomplete="off" spellcheck=${false} dir="auto"
        onInput=${(/** @type {InputEvent} */ event) => setQuery(/** @type {HTMLInputElement} */ (event.target).value)} />
    </div>
    ${problem && html`<${Failed} problem=${say(problem)} again=${() => searchAccounts(query)} />`}
    ${status === "loading" && items.length === 0 && html`<${Bones} />`}
    ${status === "ready" && items.length === 0 && html`<p class="none" role="status">${t("noPeople")}</p>`}
    ${status !== "failed" && items.length > 0 && html`<ul class="list">${items.map((user) => html`<${Line}
        key=${user.id} user=${user} />`)}</ul>`}
    ${more && status === "ready" && html`<button type="button" class="button wide"
        onClick=${moreAccounts}>${t("more")}</button>`}
  </div></div>`;
}

/** @param {{ user: Profile }} props */
function Line({ user }) {
  const { id, username, email, is_admin, disabled = false } = user;
  const own = id === me.value?.id;
  const name = displayName(user);
  return html`<li class=${classes("item", disabled && "disabled")}>
    <${Avatar} id=${id} name=${name} />
    <div class="what">
      <div class="facts">
        <strong><bdi>${name}</bdi>${own && html` <span class="own">${t("youMark")}</span>`}</strong>
        ${is_admin && html`<span class="tag">${t("administrator")}</span>`}
        ${disabled && html`<span class="tag bad"><${Icon} name="lock" size=${12} />${t("disabledAccount")}</span>`}
      </div>
      <small class="facts"><span>@${username}</span>${email && html`<bdi>${email}</bdi>`}</small>
    </div>
    ${!own && html`<button type="button" class="button small"
        aria-label=${t(disabled ? "enableNamed" : "disableNamed", { name })}
        onClick=${() => askChange(user)}>${t(disabled ? "enable" : "disable")}</button>`}
  </li>`;
}

/** @param {Profile} user */
function askChange(user) {
  const { id, disabled = false } = user;
  const name = displayName(user);
  ask({
    title: t(disabled ? "enableAsk" : "disableAsk", { name }),
    text: t(disabled ? "enableText" : "disableText", { name }),
    confirm: t(disabled ? "enable" : "disable"),
    danger: !disabled,
    act: async () => {
      const done = await setDisabled(id, !disabled);
      if (done) toast({ key: disabled ? "accountEnabled" : "accountDisabled", args: { name } });
    },
  });
}
