/** What the connection is doing, calmly: a short break is not worth a word. */

import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n/language.js";
import { connection, retryNow, storage } from "../store/live.js";
import { newer, reload } from "../store/release.js";
import { classes, html } from "./html.js";
import { Icon } from "./icon.js";
import { say } from "./words.js";

const PATIENCE = 1200; // milliseconds without a connection before it is told

export function ConnectionLine() {
  const now = connection.value;
  const away = now.status !== "live" && now.status !== "off";
  const [told, setTold] = useState(false);
  useEffect(() => {
    if (!away) return setTold(false);
    const timer = setTimeout(() => setTold(true), PATIENCE);
    return () => clearTimeout(timer);
  }, [away]);
  const ended = now.status === "ended";
  const shown = away && (told || ended);
  return html`<div role="status">
    ${
      shown &&
      html`<div class=${classes("connection", ended && "bad")}>
      ${
        now.status === "ended" &&
        html`<${Icon} name="alert" size=${14} /><span>${say({ key: now.code })}</span>
        <button type="button" class="link" onClick=${reload}>${t("reload")}</button>`
      }
      ${now.status === "connecting" && html`<span class="spinner"></span><span>${t("reconnecting")}</span>`}
      ${
        now.status === "waiting" &&
        html`<${Icon} name="offline" size=${14} /><span>${t("waitingForNetwork")}</span>
        <${Countdown} until=${now.retry_at} />
        <button type="button" class="link" onClick=${retryNow}>${t("retryNow")}</button>`
      }
    </div>`
    }
  </div>`;
}

/** That this browser keeps nothing, before somebody relies on it. */
export function StorageLine() {
  if (storage.value === "durable") return null;
  return html`<div class="connection bad" role="status"><${Icon} name="alert" size=${14} />
    <span>${t(storage.value === "full" ? "storageFull" : "storageMemory")}</span></div>`;
}

/** That there is a newer release. Nobody is interrupted for it: the next visit has it anyhow. */
export function ReleaseLine() {
  return html`<div role="status">
    ${
      newer.value &&
      html`<div class="connection"><span>${t("newVersion")}</span>
        <button type="button" class="link" onClick=${reload}>${t("reload")}</button></div>`
    }
  </div>`;
}

/** Seconds to the next try. @param {{ until: number }} props */
function Countdown({ until }) {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  const seconds = Math.ceil((until - now) / 1000);
  return seconds > 1 ? html`<span aria-hidden="true">${t("retryIn", { n: seconds })}</span>` : null;
}
