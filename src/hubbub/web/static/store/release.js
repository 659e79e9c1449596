/** Keeps the client on this device, so that it opens without network, and tells when there is a newer one. */

import { signal } from "@preact/signals-core";

import { dropRelease, findRelease, holdRelease, keepRelease } from "../io/release.js";
import { connection } from "./live.js";

const IDLE = 2000; // milliseconds that the first screen has the network for itself
const SPREAD = 30_000; // milliseconds over which all pages ask a server that was started again

/** Is a newer release on this device than the one that is shown? */
export const newer = signal(false);

export function startRelease() {
  holdRelease(() => (newer.value = true));
  setTimeout(() => {
    if ("requestIdleCallback" in globalThis) requestIdleCallback(() => void keepRelease());
    else void keepRelease();
  }, IDLE);
  let lives = 0;
  connection.subscribe(({ status }) => {
    if (status === "ended") void findRelease(); // the server may be too new for this page
    else if (status === "live" && lives++ > 0) setTimeout(findRelease, SPREAD * Math.random());
  });
}

/** Begin again with the newest release: the one that is here, or else what the server has. */
export async function reload() {
  if (!newer.value) await dropRelease();
  location.reload();
}
