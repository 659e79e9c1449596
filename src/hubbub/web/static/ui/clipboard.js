/** What is copied, and a word about it: a page that does not come over HTTPS may not copy. */

import { toast } from "../store/announce.js";

/** @param {string} text */
export async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    toast({ key: "copied" });
  } catch {
    toast({ key: "notCopied" }, "bad");
  }
}
