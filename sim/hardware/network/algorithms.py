"""Which algorithms there are for each collective."""

from __future__ import annotations

from typing import Literal

from sim.hardware.network.algorithm import Algorithm, Twice
from sim.hardware.network.rings import AllDimensions, Direct, Halving, LevelByLevel, Pairwise, Ring
from sim.hardware.network.trees import DoubleTree, InFabric, InSwitch

Collective = Literal["all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "reduce"]
COLLECTIVES: tuple[Collective, ...] = (
    "all_reduce", "all_gather", "reduce_scatter", "all_to_all", "broadcast", "reduce",
)  # fmt: skip


def _all_but_own(ranks: int) -> float:
    """What a rank passes on to gather the shares of n: (n - 1) / n."""
    return (ranks - 1) / ranks


_GATHERS: dict[str, Algorithm] = {
    "ring": Ring(_all_but_own, _all_but_own),
    "halving and doubling": Halving(),
    "level by level": LevelByLevel(),
    "all dimensions at once": AllDimensions(),
    "direct": Direct(),
}
_PASSED_ON: dict[str, Algorithm] = {"ring": Ring(lambda ranks: 1.0, _all_but_own, passes_on=1)}

ALGORITHMS: dict[Collective, dict[str, Algorithm]] = {
    "all_gather": _GATHERS,
    "reduce_scatter": _GATHERS,
    "all_reduce": {
        **{name: Twice(algorithm) for name, algorithm in _GATHERS.items()},
        "tree": DoubleTree(),
        "in-switch": InSwitch(spans=False),
        "in-switch tree": InSwitch(spans=True),
        "in-fabric": InFabric(),
    },
    "broadcast": _PASSED_ON,
    "reduce": _PASSED_ON,
    "all_to_all": {"pairwise": Pairwise()},
}
