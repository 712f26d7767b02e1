"""Pipeline schedules. To add one, write its class and list it here; a stack says which it can run."""

from sim.errors import unknown_name
from sim.parallel.schedules.base import SETTLED_ROUNDS, Durations, Schedule, Slot, last_passes, peak_layers_in_flight
from sim.parallel.schedules.dualpipe import DualPipe, DualPipeV
from sim.parallel.schedules.one_way import GPipe, Interleaved, OneForwardOneBackward
from sim.parallel.schedules.zero_bubble import ZeroBubbleH1, ZeroBubbleH2, ZeroBubbleV

__all__ = [
    "SCHEDULES",
    "SETTLED_ROUNDS",
    "Durations",
    "Schedule",
    "Slot",
    "default_schedule",
    "last_passes",
    "peak_layers_in_flight",
    "schedule_named",
]

SCHEDULES: dict[str, Schedule] = {
    one.name: one
    for one in (
        OneForwardOneBackward(), Interleaved(), GPipe(), ZeroBubbleH1(), ZeroBubbleH2(), ZeroBubbleV(), DualPipe(),
        DualPipeV(),
    )
}  # fmt: skip


def default_schedule(virtual_stages: int) -> str:
    """What runs where nobody names a schedule."""
    return Interleaved.name if virtual_stages > 1 else OneForwardOneBackward.name


def schedule_named(name: str, where: str) -> Schedule:
    """One schedule. Raises InputError with the closest match for an unknown name."""
    if name not in SCHEDULES:
        raise unknown_name(where, "schedule", name, SCHEDULES)
    return SCHEDULES[name]
