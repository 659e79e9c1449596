/**
 * `globalThis.hubbub`: what this page holds, to be read by tests and by whoever looks for a defect. Copies only: nothing
 * can be changed or sent with it, and there is no token in it.
 *
 * @import {RoomId} from "../core/types.d.ts"
 */

import { connection, outbox, storage } from "./live.js";
import { rooms } from "./rooms.js";
import { heldRoom } from "./sync.js";
import { openedTimelines } from "./timelines.js";

export function expose() {
  const surface = Object.freeze({
    /** The last events of a room as they came, without a hole; `shown` is the last one that is on the screen. */
    log(/** @type {RoomId} */ id) {
      const room = heldRoom(id);
      if (room === undefined || room.log === null) return null;
      const { base, head, events } = room.log;
      return structuredClone({ epoch: room.epoch, base, head, shown: room.shown, events: [...events] });
    },
    /** The messages that the timeline of a room holds, the oldest first. */
    messages(/** @type {RoomId} */ id) {
      const found = [...openedTimelines()].find(({ roomId }) => roomId === id);
      return found === undefined ? null : structuredClone([...found.state.messages.values()]);
    },
    rooms: () => structuredClone(rooms.value),
    outbox: (/** @type {RoomId} */ id) => structuredClone(outbox.of(id)),
    status: () => structuredClone({ connection: connection.value, storage: storage.value }),
  });
  Object.defineProperty(globalThis, "hubbub", { value: surface });
}
