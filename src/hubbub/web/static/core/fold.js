/**
 * The fold of a room's log: what `ChatRoom.apply` is in the server, on the objects of the wire.
 *
 * It takes events that did happen and never refuses. What an event refers to and is not loaded is passed over.
 * Messages are replaced, never altered, so that whoever shows one sees by identity whether it changed.
 *
 * @import {Message, RoomEvent, RoomId, RoomState} from "./types.d.ts"
 */

/**
 * A room of which nothing is known but its log.
 *
 * @param {RoomId} id
 * @returns {RoomState}
 */
export function newRoom(id) {
  return {
    id,
    kind: "group",
    name: "",
    topic: "",
    history: "all",
    head: 0,
    created_at: "",
    last_at: "",
    deleted: false,
    members: new Map(),
    messages: new Map(),
    tail: true,
  };
}

/** @param {Message} message */
const versionOf = (message) => message.version ?? message.seq;

/**
 * Of two states of one message the newer; `known` may be missing.
 *
 * @param {Message | undefined} known
 * @param {Message} other
 */
export function newer(known, other) {
  return known !== undefined && versionOf(known) >= versionOf(other) ? known : other;
}

/**
 * Take the next event. An event of a kind that is not known here has no effect, but its seq counts.
 *
 * @param {RoomState} room
 * @param {RoomEvent} event
 */
export function apply(room, event) {
  room.head = event.seq;
  room.last_at = event.at;
  switch (event.kind) {
    case "message.posted":
      if (room.tail && event.message !== undefined) put(room, event.message);
      break;
    case "message.edited":
      revise(room, event, { text: event.text ?? "", edited_at: event.at });
      break;
    case "message.deleted":
      revise(room, event, { text: "", deleted_at: event.at });
      break;
    case "member.joined":
      if (event.member_id !== undefined) {
        const { member_id: user_id, role = "member", seq: joined_seq } = event;
        room.members.set(user_id, { user_id, role, joined_seq });
      }
      break;
    case "member.left":
      room.members.delete(event.member_id ?? 0);
      break;
    case "member.role_changed": {
      const member = room.members.get(event.member_id ?? 0);
      if (member !== undefined && event.role !== undefined) {
        room.members.set(member.user_id, { ...member, role: event.role });
      }
      break;
    }
    case "room.created":
      room.kind = event.room_kind ?? room.kind;
      room.history = event.history ?? room.history;
      room.created_at = event.at;
      room.name = event.name ?? "";
      room.topic = event.topic ?? "";
      break;
    case "room.changed":
      room.name = event.name ?? "";
      room.topic = event.topic ?? "";
      break;
    case "room.deleted":
      room.deleted = true;
      room.members.clear();
      break;
  }
}

/**
 * A page may have brought the message already, in a later state.
 *
 * @param {RoomState} room
 * @param {Message} message
 */
function put(room, message) {
  room.messages.set(message.seq, newer(room.messages.get(message.seq), message));
}

/**
 * Edit or delete a message, unless it shows this change or a later one already.
 *
 * @param {RoomState} room
 * @param {RoomEvent} event
 * @param {Partial<Message>} change
 */
function revise(room, event, change) {
  const message = room.messages.get(event.target ?? 0);
  if (message === undefined || versionOf(message) >= event.seq) return;
  room.messages.set(message.seq, { ...message, ...change, version: event.seq });
}
