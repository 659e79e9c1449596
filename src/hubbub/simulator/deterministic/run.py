"""One run of a plan, and what is left of it: its trace, or what it has broken."""

import logging
from dataclasses import dataclass

from hubbub.simulator.deterministic.guard import sealed
from hubbub.simulator.deterministic.loop import Violation
from hubbub.simulator.deterministic.plan import Plan
from hubbub.simulator.deterministic.rest import come_to_rest, leave_nothing_behind
from hubbub.simulator.deterministic.world import World

STEPS_EACH = 3000  # of the loop, for each item of a plan: a run that takes more will never end


@dataclass(frozen=True, slots=True)
class Result:
    """How a run ended. `violation` is None when every promise was kept."""

    trace: str
    steps: int
    seconds: float  # of virtual time
    events: int
    violation: Violation | None = None


def run_plan(plan: Plan) -> Result:
    """Run a plan from its beginning to its end, or to the first promise that is broken."""
    world = World(plan)
    violation = None
    with sealed(_listen):
        try:
            world.loop.run(_whole(world), max_steps=STEPS_EACH * (len(plan.items) + 200))
        except Violation as found:
            violation = found
        except Exception as error:  # noqa: BLE001 - whatever it is, nothing of the kind may come out
            violation = Violation("defect", repr(error))
        finally:
            world.loop.close()
    events = sum(len(room.events) for room in world.oracle.truth.rooms.values())
    return Result(world.loop.trace, world.loop.steps, world.loop.time(), events, violation)


async def _whole(world: World) -> None:
    await world.begin()
    await world.act()
    world.heal()
    await come_to_rest(world)
    await leave_nothing_behind(world)


def _listen(level: int, name: str, text: str) -> None:
    if level >= logging.ERROR:
        raise Violation("defect", f"{name}: {text}")
