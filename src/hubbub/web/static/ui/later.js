/** What few people need is fetched when they do. */

import { signal } from "@preact/signals";
import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n/language.js";
import { obtain } from "../io/modules.js";
import { html } from "./html.js";
import { Bones, Failed } from "./load.js";

/** @type {import("@preact/signals").Signal<typeof import("./accounts.js").Accounts | null>} */
const fetched = signal(null);

export function Accounts() {
  const [failed, setFailed] = useState(false);
  const load = async () => {
    setFailed(false);
    try {
      await obtain(new URL("./accounts.js", import.meta.url), new URL("../store/accounts.js", import.meta.url));
      fetched.value = (await import("./accounts.js")).Accounts;
    } catch {
      setFailed(true);
    }
  };
  useEffect(() => void load(), []);
  if (fetched.value) return html`<${fetched.value} />`;
  return html`<main class="room">
    ${failed ? html`<${Failed} problem=${t("error.unreachable")} again=${load} />` : html`<${Bones} />`}
  </main>`;
}
