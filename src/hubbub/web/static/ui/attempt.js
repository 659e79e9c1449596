/** Deeds without a form: what goes wrong is told in a note. */

import { problemOf } from "../core/problems.js";
import { toast } from "../store/announce.js";

/** @param {() => Promise<unknown>} deed @returns {Promise<boolean>} did it work? */
export async function attempt(deed) {
  try {
    await deed();
    return true;
  } catch (thrown) {
    toast(problemOf(thrown).words, "bad");
    return false;
  }
}
