/**
 * Who is in a room, and in which role. The list is loaded when somebody looks at it, and kept by the room's events.
 *
 * @import {ReadonlySignal} from "@preact/signals-core"
 * @import {List, Membership, MemberView, Role, RoomEvent, RoomId, RoomView, UserId} from "../core/types.d.ts"
 */

import { computed, signal } from "@preact/signals-core";

import { problemOf } from "../core/problems.js";
import { displayName } from "../core/format.js";
import { compareNames } from "../i18n/language.js";
import { attempt, toast } from "./announce.js";
import { api, emptied, happened, restarted, tokens } from "./live.js";
import { learn, person } from "./people.js";
import { roomView } from "./rooms.js";

const PAGE = 200;
const RANK = { member: 0, admin: 1, owner: 2 };

/** @type {Map<RoomId, Members>} */
const known = new Map();

/** @param {RoomId} roomId */
export function members(roomId) {
  let found = known.get(roomId);
  if (found === undefined) known.set(roomId, (found = new Members(roomId)));
  return found;
}

/**
 * @param {RoomId} roomId
 * @param {UserId} userId
 * @param {Role} [role]
 */
export async function addMember(roomId, userId, role) {
  const body = role === undefined ? {} : { role };
  const member = await api.request("PUT", `rooms/${roomId}/members/${userId}`, { body });
  learn([member.user]);
}

/**
 * @param {RoomId} roomId
 * @param {UserId} userId
 */
export async function removeMember(roomId, userId) {
  await attempt(api.request("DELETE", `rooms/${roomId}/members/${userId}`));
}

/**
 * @param {RoomId} roomId
 * @param {UserId} userId
 * @param {Role} role
 */
export async function setRole(roomId, userId, role) {
  await attempt(api.request("PUT", `rooms/${roomId}/members/${userId}`, { body: { role } }));
}

class Members {
  status = signal(/** @type {'loading' | 'ready' | 'failed'} */ ("loading"));
  more = signal(false);
  #held = signal(/** @type {ReadonlyMap<UserId, {role: Role, joined_seq: number}>} */ (new Map()));
  #cursor = /** @type {string | null} */ (null);
  /** What happened while a page was on its way, which is older. @type {RoomEvent[] | null} */
  #recorded = null;

  /** @param {RoomId} roomId */
  constructor(roomId) {
    this.roomId = roomId;
    const view = roomView(roomId);
    /** @type {ReadonlySignal<MemberView[]>} by role, then by name */
    this.list = computed(() => {
      const all = [...this.#held.value].map(([id, member]) => memberView(id, member, view.value));
      return all.sort(
        (one, other) =>
          RANK[other.role] - RANK[one.role] || compareNames(displayName(one.user), displayName(other.user)),
      );
    });
  }

  /** Load them anew: what is under way was asked for earlier, and is dropped. */
  async load() {
    await this.#page(new Map(), null);
  }

  async loadMore() {
    if (this.more.value && this.#recorded === null) await this.#page(new Map(this.#held.value), this.#cursor);
  }

  /** @param {RoomEvent} event */
  take(event) {
    this.#recorded?.push(event);
    if (this.status.value !== "ready") return;
    const held = new Map(this.#held.value);
    if (change(held, event)) this.#held.value = held;
  }

  /**
   * @param {Map<UserId, {role: Role, joined_seq: number}>} held
   * @param {string | null} cursor
   */
  async #page(held, cursor) {
    /** @type {RoomEvent[]} */
    const recorded = (this.#recorded = []);
    if (held.size === 0 && this.#held.value.size === 0) this.status.value = "loading";
    try {
      /** @type {List<Membership>} */
      const page = await api.get(`rooms/${this.roomId}/members`, { cursor, limit: PAGE });
      if (this.#recorded !== recorded) return;
      learn(page.items.map(({ user }) => user));
      for (const { user, role, joined_seq } of page.items) held.set(user.id, { role, joined_seq });
      for (const event of recorded) change(held, event);
      this.#cursor = page.next_cursor;
      this.#held.value = held;
      this.more.value = page.next_cursor !== null;
      this.status.value = "ready";
    } catch (error) {
      if (this.#recorded !== recorded) return;
      if (this.status.value === "loading") this.status.value = "failed";
      else toast(problemOf(error).words, "bad");
    } finally {
      if (this.#recorded === recorded) this.#recorded = null;
    }
  }
}

/**
 * @param {Map<UserId, {role: Role, joined_seq: number}>} held
 * @param {RoomEvent} event
 * @returns {boolean} did it change anything?
 */
function change(held, { kind, member_id: id = 0, role = "member", seq }) {
  const member = held.get(id);
  if (kind === "member.joined") held.set(id, { role, joined_seq: seq });
  else if (kind === "member.left") return held.delete(id);
  else if (kind === "member.role_changed" && member !== undefined) held.set(id, { ...member, role });
  else return false;
  return true;
}

/**
 * What the user may do with a member: the rules are the server's, this only spares them a refusal.
 *
 * @param {UserId} id
 * @param {{role: Role, joined_seq: number}} member
 * @param {RoomView | undefined} room
 * @returns {MemberView}
 */
function memberView(id, { role, joined_seq }, room) {
  const user = person(id).value ?? { id, username: "" };
  const others = room !== undefined && room.kind !== "direct" && id !== tokens.user?.id;
  const removable = others && room.role !== "member" && RANK[room.role] > RANK[role];
  /** @type {Role[]} */
  const roles = ["member", "admin", "owner"];
  return { user, role, joined_seq, removable, grantable: others && room.role === "owner" ? roles : [] };
}

happened.on(({ roomId, event }) => {
  if (event.kind.startsWith("member.")) known.get(roomId)?.take(event);
});
restarted.on(({ roomId }) => void known.get(roomId)?.load());
emptied.on(() => known.clear());
