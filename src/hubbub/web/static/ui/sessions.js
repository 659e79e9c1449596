/**
 * The devices that are signed in, and how to sign them out from here.
 *
 * @import {Session, Words} from "../core/types.d.ts"
 */

import { useEffect, useState } from "preact/hooks";
import { problemOf } from "../core/problems.js";
import { agoTime, t, wholeTime } from "../i18n/language.js";
import { endSession, loadSessions, sessions } from "../store/session.js";
import { ask, Dialog, showDialog } from "./dialog.js";
import { html } from "./html.js";
import { Icon } from "./icon.js";
import { Bones, Failed } from "./load.js";
import { say } from "./words.js";

export const showSessions = () => showDialog(() => html`<${SessionsDialog} />`);

function SessionsDialog() {
  const [problem, setProblem] = useState(/** @type {Words | null} */ (null));
  const load = async () => {
    setProblem(null);
    await loadSessions().catch((error) => setProblem(problemOf(error).words));
  };
  useEffect(() => void load(), []);
  return html`<${Dialog} title=${t("devices")} wide>
    <p class="lead">${t("devicesLead")}</p>
    ${problem && html`<${Failed} problem=${say(problem)} again=${load} />`}
    ${
      sessions.value
        ? html`<ul class="list">${sessions.value.map((one) => html`<${Line} key=${one.id} session=${one} />`)}</ul>`
        : !problem && html`<${Bones} lines=${2} />`
    }
  <//>`;
}

/** @param {{ session: Session }} props */
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

/** @param {Session} session */
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
