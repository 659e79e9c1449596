"""What users do and what goes wrong, as data: a run is a pure function of its plan.

Items name users, rooms and nodes by number. One that makes no sense when its time comes (its room is gone, say) does
nothing, so that any part of a plan is a plan as well.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from random import Random
from typing import TypeAlias

FORMAT = 1
NODES = 3
PACE = 0.06  # seconds between two items, on average
FAULT_EVERY = 7  # items, on average

Value: TypeAlias = int | float | str

# What users do, and how often in a hundred or so.
_ACTS: Mapping[str, int] = {
    "send": 38,
    "burst": 5,
    "edit": 7,
    "delete": 3,
    "read": 5,
    "history": 2,
    "add": 6,
    "remove": 5,
    "join": 3,
    "leave": 3,
    "role": 2,
    "rename": 2,
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
    "store": 5,  # transactions fail, before or after they are committed
    "bus": 3,  # messages between nodes are dropped, doubled, delayed and reordered for a while
    "partition": 2,  # a node hears nothing from the others, nor they from it
    "clock": 1,  # a node's wall clock jumps
    "restore": 1,  # the store is put back to what it was a while ago
}


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
    """`schedule` seeds what is not in the items: how long each message and each transaction takes."""

    seed: int
    schedule: int
    nodes: int
    users: int
    rooms: int
    items: tuple[Item, ...]

    def without(self, dropped: Collection[int]) -> "Plan":
        """The plan without the items at these indices."""
        return replace(self, items=tuple(item for index, item in enumerate(self.items) if index not in dropped))

    def to_json(self) -> str:
        """One line for each item."""
        head = {"format": FORMAT, "seed": self.seed, "schedule": self.schedule, "nodes": self.nodes}
        head |= {"users": self.users, "rooms": self.rooms}
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
    items: list[Item] = []
    now = 0.0
    kinds = {kind: weight for kind, weight in FAULTS.items() if kind in faults}
    for _ in range(steps):
        now = round(now + PACE * 2 * random.random(), 3)
        if kinds and random.random() < 1 / FAULT_EVERY:
            do = _pick(random, kinds)
            if do == "restore":
                kinds.pop(do)  # a second one would hide what the first has shown
            items.append(Item(now, do, _fault(random, do, users)))
        else:
            do = _pick(random, _ACTS)
            items.append(Item(now, do, _act(random, do, users, rooms)))
    return Plan(seed=seed, schedule=seed, nodes=NODES, users=users, rooms=rooms, items=tuple(items))


def _act(random: Random, do: str, users: int, rooms: int) -> dict[str, Value]:
    user, room, other = (random.randrange(users), random.randrange(rooms + 4), random.randrange(users))
    match do:
        case "burst":
            return {"user": user, "room": room, "count": 2 + random.randrange(8)}
        case "edit" | "delete" | "read":
            return {"user": user, "room": room, "back": random.randrange(4)}
        case "add" | "remove" | "role":
            return {"user": user, "room": room, "other": other}
        case "pair" | "found":
            return {"user": user, "other": other, "kind": random.randrange(3)}
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
