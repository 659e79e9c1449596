/** The devices that are signed in, and how to sign them out from here. */

import { useEffect, useState } from "preact/hooks";
import { agoTime, t, wholeTime } from "../i18n/language.js";
import { endSession, loadSessions, sessions } from "../store/session.js";
import { ask, Dialog, showDialog } from "./dialog.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";
import { Bones, Failed } from "./load.js";

export const showSessions = () => showDialog(() => html`<${SessionsDialog} />`);

function SessionsDialog() {
  const [failed, setFailed] = useState(false);
  const load = async () => {
    setFailed(false);
    setFailed(!(await loadSessions()));
  };
  useEffect(() => void load(), []);
  return html`<${Dialog} title=${t("devices")} wide>
    <p class="lead">${t("devicesLead")}</p>
    ${
      sessions.value
        ? html`<ul class="list">${sessions.value.map((one) => html`<${Line} key=${one.id} session=${one} />`)}</ul>`
        : failed
          ? html`<${Failed} problem=${t("error.unreachable")} again=${load} />`
          : html`<${Bones} lines=${2} />`
    }
  <//>`;
}

/** @param {{ session: import("../core/types.d.ts").Session }} props */
function Line({ session }) {
  const used = new Date(session.used_at);
  return html`<li class="item">
    <span class="mark"><${Icon} name="device" size=${18} /></span>
    <div class="what">
      <strong dir="auto">${session.label || t("unnamedDevice")}</strong>
      <small data-hint=${wholeTime(used)}>${session.current ? t("thisDevice") : t("lastUsed", { time: agoTime(used) })}</small>
    </div>
    ${!session.current && html`<button type="button" class="button small"
        onClick=${() => askEnd(session)}>${t("signOut")}</button>`}
  </li>`;
}

/** @param {import("../core/types.d.ts").Session} session */
function askEnd({ id, label }) {
  ask({
    title: t("endSessionAsk"),
    text: t("endSessionText", { name: label || t("unnamedDevice") }),
    confirm: t("signOut"),
    danger: true,
    act: async () => {
      await endSession(id);
      showSessions();
    },
  });
}
