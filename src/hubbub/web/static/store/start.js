/** Where the store begins: once, before anything is shown. */

import { keepAwake, tabs } from "./live.js";
import { expose } from "./debug.js";
import { watchUser } from "./presence.js";
import { resume } from "./session.js";

export async function start() {
  expose();
  keepAwake();
  watchUser();
  await Promise.all([tabs.start(), resume()]);
}
