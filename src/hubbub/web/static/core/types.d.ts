// What the web client's modules hand to each other. Nouns and fields of the wire are those of docs/protocol.md.

export type UserId = number;
export type RoomId = number;
/** A position in a room's log: 1, 2, 3 … without a hole; 0 stands for before the first event. */
export type Seq = number;

export type Role = 'member' | 'admin' | 'owner';
export type RoomKind = 'direct' | 'group' | 'channel';
export type History = 'all' | 'since_joined';

// ---- the wire: objects

export interface User {
  id: UserId;
  username: string;
  display_name?: string;
  /** Nobody can sign in to the account. */
  disabled?: boolean;
}

export interface Profile extends User {
  created_at: string;
  email?: string;
  is_admin?: boolean;
}

export interface Message {
  room_id: RoomId;
  seq: Seq;
  user_id: UserId;
  at: string;
  text: string;
  client_id?: string;
  reply_to?: Seq;
  /** The seq of its last change; `seq` where it is absent. */
  version?: Seq;
  edited_at?: string;
  deleted_at?: string;
}

export interface RoomEvent {
  seq: Seq;
  kind: string;
  user_id: UserId;
  at: string;
  client_id?: string;
  message?: Message;
  target?: Seq;
  text?: string;
  member_id?: UserId;
  role?: Role;
  name?: string;
  topic?: string;
  room_kind?: RoomKind;
  history?: History;
}

/** A room in the list of somebody's rooms. */
export interface RoomSummary {
  id: RoomId;
  kind: RoomKind;
  name: string;
  topic: string;
  head: Seq;
  last_at: string;
  base: Seq;
  read_seq: Seq;
  unread: number;
  role: Role;
  peer?: User;
  last_message?: Message;
  last_author?: User;
}

export interface Session {
  id: number;
  label: string;
  created_at: string;
  used_at: string;
  expires_at: string;
  current: boolean;
}

export interface Channel {
  id: RoomId;
  name: string;
  topic: string;
  members: number;
  created_at: string;
}

export interface Membership {
  user: User;
  role: Role;
  joined_seq: Seq;
  /** Everything up to here they have read; what was before they joined counts as read. */
  read_seq: Seq;
}

export interface Timeline {
  items: Message[];
  head: Seq;
}

export interface List<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Grant {
  access_token: string;
  token_type: string;
  expires_in: number;
  refresh_token: string;
}

// ---- the wire: frames of the server

export interface Hello {
  type: 'hello';
  protocol: number;
  connection_id: string;
  user: User;
  epoch: string;
  heartbeat_ms: number;
  limits: { frame: number; inflight: number; frame_rate?: number; frame_burst?: number };
  token_expires_at?: string;
  rooms?: RoomSummary[];
  rooms_cursor?: string;
}

export interface Joined {
  type: 'joined';
  ref?: number;
  room_id: RoomId;
  epoch: string;
  head: Seq;
  base: Seq;
  read_seq: Seq;
  role: Role;
  replay: [Seq, Seq] | null;
}

export interface Events {
  type: 'events';
  ref?: number;
  room_id: RoomId;
  more: boolean;
  events: RoomEvent[];
}

export interface EventFrame extends RoomEvent {
  type: 'event';
  room_id: RoomId;
}

export interface Ack {
  type: 'ack';
  ref?: number;
  room_id?: RoomId;
  client_id?: string;
  seq?: Seq;
  at?: string;
  duplicate?: boolean;
}

export interface Signal {
  type: 'signal';
  kind: string;
  room_id?: RoomId;
  user_id?: UserId;
  on?: boolean;
  seq?: Seq;
  status?: string;
  last_seen?: string;
}

export interface Ping {
  type: 'ping';
  n: number;
  heads: Record<string, Seq>;
}

export interface Behind {
  type: 'behind';
  room_id: RoomId;
  head: Seq;
}

export interface Reset {
  type: 'reset';
  room_id: RoomId;
  reason: string;
  seq?: Seq;
  head?: Seq;
  base?: Seq;
}

export interface ErrorFrame {
  type: 'error';
  ref?: number;
  room_id?: RoomId;
  code: string;
  message: string;
  retryable: boolean;
  retry_after_ms?: number;
  details?: { field?: string };
}

export interface Bye {
  type: 'bye';
  code: number;
  reconnect: boolean;
  after_ms: [number, number];
}

export type ServerFrame =
  | Hello | Joined | Events | EventFrame | Ack | Signal | Ping | Behind | Reset | ErrorFrame | Bye;

// ---- the fold

export interface Member {
  user_id: UserId;
  role: Role;
  joined_seq: Seq;
}

/** A room after its first `head` events; members and messages may be loaded in part. */
export interface RoomState {
  id: RoomId;
  kind: RoomKind;
  name: string;
  topic: string;
  history: History;
  head: Seq;
  created_at: string;
  last_at: string;
  deleted: boolean;
  members: Map<UserId, Member>;
  /** By seq, the oldest first. */
  messages: Map<Seq, Message>;
  /** Do `messages` reach to the head? Only then a new one is added. */
  tail: boolean;
}

// ---- what the store shows

/** Who is at the screen. `starting`: not known yet, show nothing that would have to be taken back. */
export type Boot = 'starting' | 'signed-out' | 'signed-in';

export type Connection =
  | { status: 'off' }
  | { status: 'connecting' }
  | { status: 'live' }
  /** There is no connection; the next try is at `retry_at` (milliseconds since 1970). */
  | { status: 'waiting'; retry_at: number }
  /** It will not come back by itself; `code` is a key of the catalogue, as in `Words`. */
  | { status: 'ended'; code: string };

/** A sentence of the catalogue: a key, and what is put into it. */
export interface Words {
  key: string;
  args?: Record<string, string | number>;
}

export interface Toast extends Words {
  id: number;
  tone: 'info' | 'bad';
}

export interface RoomView {
  id: RoomId;
  kind: RoomKind;
  /** What to call it: of a direct room the other person's name. */
  name: string;
  topic: string;
  role: Role;
  /** The other person of a direct room. */
  peer?: User;
  head: Seq;
  /** The seq up to which everything was read. */
  read_seq: Seq;
  unread: number;
  last_at: string;
  last_message?: Message;
  last_author?: User;
  /** Is there an unsent text in its composer? */
  draft: boolean;
}

/** Something said that the server has not confirmed: waiting (no connection), sending, or failed (refused). */
export interface Pending {
  /** Also the client_id of a new message. */
  key: string;
  user_id: UserId;
  room_id: RoomId;
  kind: 'send' | 'edit' | 'delete';
  /** The message that is edited or deleted. */
  target?: Seq;
  text: string;
  reply_to?: Seq;
  at: string;
  state: 'waiting' | 'sending' | 'failed';
  /** Why it failed. */
  problem?: Words;
  /** It failed because one is not in its room any more. */
  ended?: boolean;
}

/** One message on the screen. Rows are replaced when they change, never altered. */
export interface Row {
  /** Stays the same from the pending row of a message to its final one. */
  key: string;
  seq: Seq;
  message: Message;
  /** A change of it that waits in the outbox. */
  change?: Pending;
}

/** Where a timeline asks the screen to be. `n` grows with every request. */
export interface Anchor {
  n: number;
  at: 'end' | 'new' | 'row';
  /** Of the row: the first new one for `new`. */
  seq: Seq;
}

/** loading: no rows yet. stale: rows from this device, while there is no connection. gone: see `reason`. */
export type TimelineStatus = 'loading' | 'ready' | 'stale' | 'failed' | 'gone';

/** Why a room is gone: removed (by somebody), left, deleted, not_found, forbidden (a channel that was not joined). */
export type Gone = 'removed' | 'left' | 'deleted' | 'not_found' | 'forbidden';

export interface Draft {
  text: string;
  reply_to?: Seq;
  /** The message that is being edited, if it is no new one. */
  editing?: Seq;
  /** What was being written before the edit began, to go on with afterwards. */
  interrupted?: { text: string; reply_to?: Seq };
}

export type PresenceStatus = 'online' | 'away' | 'offline';

export interface Presence {
  status: PresenceStatus;
  last_seen?: string;
}

export interface MemberView extends Omit<Membership, 'read_seq'> {
  /** May I remove them, and give them another role? */
  removable: boolean;
  grantable: Role[];
}

/** One line of the quick switcher. */
export type Found =
  | { kind: 'room'; room: RoomView }
  | { kind: 'person'; user: User }
  | { kind: 'channel'; channel: Channel };

/** durable: on this device. memory: private mode or no storage, gone with the tab. full: what is new is not kept. */
export type Storage = 'durable' | 'memory' | 'full';
