"""What users do and what goes wrong, as data: a run is a pure function of its plan.

Items name users, rooms and nodes by number. One that makes no sense when its time comes (its room is gone, say) does
nothing, so that any part of a plan is a plan as well.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

FORMAT = 2
NODES = 3
PACE = 0.06  # seconds between two items, on average
SHORT, LONG = (
    12,
    900,
)  # seconds that tokens are good for: who connects again all the time finds out whatever they missed
ENCORES = 4  # pairs of items at the end
FAULT_EVERY = 7  # items, on average

Value: TypeAlias = int | float | str

# What users do, and how often in a hundred or so.
_ACTS: Mapping[str, int] = {
    "send": 38,
    "burst": 5,
    "edit": 7,
    "delete": 3,
    "read": 8,
    "type": 3,
    "presence": 4,
    "history": 2,
    "add": 6,
    "remove": 5,
    "join": 3,
    "leave": 3,
    "role": 2,
    "topic": 2,
    "found": 2,
    "pair": 1,
    "close": 1,
    "hop": 4,
    "rest": 2,
    "logout": 1,
    "quit": 1,
}

# What goes wrong, and how often in comparison.
FAULTS: Mapping[str, int] = {
    "cut": 5,  # a connection breaks, at any byte
    "ack": 4,  # a connection breaks before the next ack has left
    "stall": 3,  # a reader takes nothing for a while
    "crash": 3,  # kill -9 of a node, which comes back later
    "drain": 1,  # SIGTERM of a node, which sends everybody away, ends what it has begun, and comes back later
    "store": 5,  # transactions fail, before or after they are committed
    "bus": 3,  # messages between nodes are dropped, doubled, delayed and reordered for a while
    "partition": 2,  # a node hears nothing from the others, nor they from it
    "clock": 1,  # a node's wall clock jumps
    "restore": 2,  # the store is put back to what it was a while ago
}


# What the nodes get over without a look at the store.
_HEALED_WITHOUT_LOOKS = frozenset({"cut", "ack", "stall", "clock"})


@dataclass(frozen=True, slots=True)
class Item:
    """At this time, in seconds, this happens."""

    at: float
    do: str
    args: Mapping[str, Value]

    def number(self, name: str) -> int:
        return int(self.args[name])

    def seconds(self, name: str) -> float:
        return float(self.args[name])


@dataclass(frozen=True, slots=True)
class Plan:
    """`schedule` seeds what is not in the items: how long each message and each transaction takes.

    Without `looks` the nodes never look at the store for what they have missed: what goes wrong must not need it.
    """

    seed: int
    schedule: int
    looks: bool
    tokens: int  # seconds that an access token is good for
    nodes: int
    users: int
    rooms: int
    items: tuple[Item, ...]

    def without(self, dropped: Collection[int]) -> "Plan":
        """The plan without the items at these indices."""
        return replace(self, items=tuple(item for index, item in enumerate(self.items) if index not in dropped))

    def to_json(self) -> str:
        """One line for each item."""
        head = {"format": FORMAT, "seed": self.seed, "schedule": self.schedule, "looks": self.looks}
        head |= {"tokens": self.tokens, "nodes": self.nodes, "users": self.users, "rooms": self.rooms}
        items = ",\n".join(f"  {json.dumps({'at': item.at, 'do': item.do, **item.args})}" for item in self.items)
        return f'{json.dumps(head)[:-1]}, "items": [\n{items}\n]}}\n'

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """What `to_json` wrote. Raise ValueError for anything else."""
        try:
            body = json.loads(text)
            if body.pop("format") != FORMAT:
                raise ValueError("this plan was written by another release")
            items = tuple(Item(item.pop("at"), item.pop("do"), item) for item in body.pop("items"))
            return cls(**body, items=items)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"this is not a plan: {error!r}") from None


def make_plan(seed: int, *, users: int, steps: int, faults: Collection[str]) -> Plan:
    """The plan of a seed: `steps` items, some of them faults of these kinds."""
    random = Random(f"plan {seed}")
    rooms = max(2, users // 4)
    looks = seed % 4 != 0
    kinds = {kind: FAULTS[kind] for kind in FAULTS if kind in faults and (looks or kind in _HEALED_WITHOUT_LOOKS)}
    items: list[Item] = []
    now = 0.0
    while len(items) < steps - 2 * ENCORES:
        now += PACE * 2 * random.random()
        if kinds and random.random() < 1 / FAULT_EVERY:
            do = _pick(random, kinds)
            items += _scene(random, now, do, users, rooms) or [_item(now, do, _fault(random, do, users))]
            if do == "restore":
                kinds.pop(do)  # a second one would hide what the first has shown
        else:
            do = _pick(random, _ACTS)
            items.append(_item(now, do, _act(random, do, users, rooms)))
    for _ in range(ENCORES):  # the last word in a room, said while somebody joins: nothing comes later to heal a hole
        now += 0.3
        room = random.randrange(rooms + 4)
        items.append(_item(now, "hop", {"user": random.randrange(users)}))
        items.append(_item(now + 0.05 + 0.2 * random.random(), "send", {"user": random.randrange(users), "room": room}))
    items.sort(key=lambda item: item.at)
    tokens = SHORT if seed % 3 == 0 else LONG
    return Plan(seed, seed, looks, tokens, NODES, users, rooms, tuple(items[:steps]))


def _scene(random: Random, now: float, do: str, users: int, rooms: int) -> list[Item]:
    """A fault in the middle of what it hurts most, where chance alone would seldom put it; now and then, or nothing."""
    if random.random() < 0.5:
        return []
    node, user, other, room = (random.randrange(limit) for limit in (NODES, users, users, rooms))
    member: dict[str, Value] = {"user": user, "room": room, "other": other}
    back = ("add", "remove")[random.randrange(2)]
    match do:
        case "bus" if back == "add":  # nobody hears of what changes for a user
            return [
                _item(now, "bus", {"seconds": 0.5, "drop": 100}),
                _item(now + 0.1, "logout", {"user": user}),
                _item(now + 0.1, "add", member),
            ]
        case "bus":  # the news of a removal is late: meanwhile they are back
            return [
                _item(now, "bus", {"seconds": 2.0, "drop": 20}),
                _item(now + 0.1, "remove", member),
                _item(now + 0.1 + 0.3 * random.random(), "add", member),
            ]
        case "ack":  # two edits of one message are made, and nobody hears of it: a program on the SDK repeats them
            member["user"] = user = min(user | 1, users - 1)
            return [
                _item(now, "send", member),
                _item(now + 0.3, "ack", {"user": user}),
                *(_item(now + 0.3, "edit", member | {"back": 0}) for _ in range(2)),
            ]
        case "store":  # a change of members is rolled back; other nodes bring the log to the length that it had made
            return [
                _item(now, "store", {"node": node, "how": "rolled back", "count": 1}),
                _item(now + 0.01, back, member | {"node": node}),
                _item(now + 0.2, "topic", member | {"node": (node + 1) % NODES}),
                _item(now + 0.4, "topic", member | {"node": node}),
            ]
        case "crash":  # nobody is left to say that somebody has gone
            return [
                _item(now, "crash", {"node": node, "seconds": 2.0}),
                _item(now + 0.02, "quit", {"user": user}),
            ]
        case "clock":  # somebody signs in by the wrong clock, and then by the right one
            wrong: dict[str, Value] = {"node": node, "seconds": 3600}
            logouts = [_item(now + delay, "logout", {"user": user}) for delay in (0.1, 0.5, 0.9)]
            return [_item(now, "clock", wrong), *logouts]
        case "restore":  # a change of members is lost; other nodes bring the log to the length that it had
            return [
                _item(now, back, member | {"node": node}),
                _item(now + 0.3, "restore", {"seconds": 0.31}),
                _item(now + 0.35, "topic", member | {"node": (node + 1) % NODES}),
                _item(now + 0.5, "topic", member | {"node": node}),
            ]
        case _:
            return []


def _item(at: float, do: str, args: Mapping[str, Value]) -> Item:
    return Item(round(at, 3), do, args)


def _act(random: Random, do: str, users: int, rooms: int) -> dict[str, Value]:
    user, room, other = (random.randrange(users), random.randrange(rooms + 4), random.randrange(users))
    match do:
        case "burst":
            return {"user": user, "room": room, "count": 2 + random.randrange(8)}
        case "edit" | "delete" | "read":
            return {"user": user, "room": room, "back": random.randrange(12 if do == "read" else 4)}
        case "add" | "remove" | "role":
            return {"user": user, "room": room, "other": other}
        case "pair" | "found":
            return {"user": user, "other": other, "kind": random.randrange(3)}
        case "presence":
            return {"user": user, "other": other, "away": random.randrange(2)}
        case "rest":
            return {"user": user, "seconds": round(5 * random.random(), 3)}
        case "hop" | "quit" | "logout":
            return {"user": user}
        case _:
            return {"user": user, "room": room}


def _fault(random: Random, do: str, users: int) -> dict[str, Value]:
    user, node, seconds = random.randrange(users), random.randrange(NODES), round(0.2 + 3 * random.random(), 3)
    match do:
        case "cut":
            return {"user": user, "bytes": random.randrange(1500), "up": random.randrange(2)}
        case "ack":
            return {"user": user}
        case "stall":
            return {"user": user, "seconds": round(3 * seconds, 3)}
        case "store":
            how = ("before", "rolled back", "after", "after", "read")[random.randrange(5)]
            return {"node": node, "how": how, "count": 1 + random.randrange(4)}
        case "bus":
            return {"seconds": seconds, "drop": random.randrange(101)}
        case "clock":
            return {"node": node, "seconds": random.randrange(-7200, 7200)}
        case "restore":
            return {"seconds": seconds}
        case _:
            return {"node": node, "seconds": seconds}


def _pick(random: Random, weights: Mapping[str, int]) -> str:
    """One of the keys. `Random.choices` is no part of what Python keeps the same from release to release."""
    left = int(random.random() * sum(weights.values()))
    for key, weight in weights.items():
        left -= weight
        if left < 0:
            return key
    raise AssertionError("the weights have no sum")
