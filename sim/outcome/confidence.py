"""How far to believe a prediction: its situation, the errors of predictions like it, and what was never compared."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sim.catalog.accuracy import Compared, ErrorClass, Evidence, Selection, Situation, class_of, load_evidence
from sim.page.numbers import number

PRETRAINING = "pretrain"
_TO_P90 = 1.2816
"""Standard deviations from the mean of a normal distribution to its P90."""
_CLUSTER = 128
"""Devices up to which a cluster is a small one."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What of a scenario says which rows are like it.

    machine: label of the kind of machine. devices: the kinds that it runs on, by name. devices_per_node: in a scale-up
    domain. stack: name in the catalogue, empty for one of one's own. usual_recipe: the stack's own for the precision,
    where the scenario trains in other formats. method: of the training.
    """

    machine: str
    devices: tuple[str, ...]
    device_count: int
    devices_per_node: int
    stack: str
    parameters: float
    sequence: int
    global_batch: int
    precision: str
    optimizer: str
    usual_recipe: str | None = None
    method: str = PRETRAINING

    @property
    def scale(self) -> Literal["node", "to 128", "above 128"]:
        """Within one node, up to 128 devices, or more."""
        if self.device_count <= self.devices_per_node:
            return "node"
        return "to 128" if self.device_count <= _CLUSTER else "above 128"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a prediction stands among compared rows.

    situation: None where no row is like it. compared: the rows of its stack; None of none. outside: in what it lies
    outside of them, in words that name their range. unlike: what no compared row has, of any stack.
    """

    situation: Situation | None = None
    compared: Compared | None = None
    outside: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Band:
    """From P10 to P90 of the errors of predictions like one, as shares; negative means predicted too fast.

    An error is predicted / measured - 1, so that what is measured lies from predicted / (1 + high) to
    predicted / (1 + low). of: the situation of the class, which may be wider than that of the prediction. rows,
    sources: behind it.
    """

    low: float
    high: float
    of: Situation
    rows: int
    sources: int


@dataclass(frozen=True, slots=True)
class Confidence:
    """What predictions for sources never seen say about one.

    step: of the step time; memory: of the peak memory. Each None where no evidence is like it. is_searched: whether the
    plan was chosen by a search, whose optimism is part of the band.
    """

    standing: Standing = Standing()
    step: Band | None = None
    memory: Band | None = None
    is_searched: bool = False

    @property
    def errors(self) -> tuple[float, float] | None:
        """P10 and P90 of the errors of step times like this one, shares; None where none was compared."""
        return None if self.step is None else (self.step.low, self.step.high)


NEVER_CHECKED = Confidence()
OF_SEVERAL_PARTS = Confidence(Standing(unlike=("parts of different devices",)))
"""Of a system whose parts are of different kinds, which no row is."""


def confidence(
    facts: Facts,
    *,
    is_guessed: bool = False,
    is_searched: bool = False,
    without: str = "",
    evidence: Evidence | None = None,
) -> Confidence:
    """Hold a prediction to those for sources that were left out.

    is_guessed: whether its stack is a guess. is_searched: whether the plan is the fastest that was found. without: a
    source whose rows have no part in anything said here. evidence: the catalogue's where None.
    """
    known = load_evidence() if evidence is None else evidence
    place = standing(facts, known.compared, is_guessed=is_guessed, without=without)
    if place.situation is None:
        return Confidence(place, is_searched=is_searched)
    selection = known.selection if is_searched else None
    if selection is not None and selection.machine != facts.machine:
        selection = None
    return Confidence(
        place,
        _band(class_of(known.classes, place.situation), without, selection),
        _band(class_of(known.memory, place.situation), without),
        selection is not None,
    )


def standing(facts: Facts, compared: Iterable[Compared], *, is_guessed: bool = False, without: str = "") -> Standing:
    """Where a prediction stands among the rows of all sources but one."""
    others = [one for one in compared if without not in one.sources]
    everything, own = together(others), together([one for one in others if one.stack == facts.stack])
    unlike = _unlike(facts, everything)
    if everything is None or unlike:
        return Standing(compared=own, unlike=unlike)
    outside = () if own is None else _outside(facts, own)
    reach = Situation(
        facts.machine,
        "guessed" if is_guessed else "named",
        "inside" if own is not None and not outside else "outside",
        facts.scale,
    )
    return Standing(reach, own, outside)


def together(compared: Sequence[Compared]) -> Compared | None:
    """Several entries as one, of the first one's stack; None of none."""
    if not compared:
        return None

    def ends(ranges: list[tuple[float, float]]) -> tuple[float, float]:
        return min(low for low, _ in ranges), max(high for _, high in ranges)

    def names(several: Iterable[Collection[str]]) -> tuple[str, ...]:
        return tuple(sorted({name for one in several for name in one}))

    return Compared(
        stack=compared[0].stack,
        sources=names(one.sources for one in compared),
        rows=sum(one.rows for one in compared),
        devices=names(one.devices for one in compared),
        parameters=ends([one.parameters for one in compared]),
        device_count=_whole(ends([one.device_count for one in compared])),
        sequence=_whole(ends([one.sequence for one in compared])),
        global_batch=_whole(ends([one.global_batch for one in compared])),
        precisions=names(one.precisions for one in compared),
        optimizers=names(one.optimizers for one in compared),
    )


def _unlike(facts: Facts, everything: Compared | None) -> tuple[str, ...]:
    """What no compared row has, whatever its stack."""
    if everything is None:
        return ("nothing was compared",)
    missing = [f"device {name}" for name in facts.devices if name not in everything.devices]
    missing += [] if facts.stack else ["a stack of one's own"]
    missing += [] if facts.method == PRETRAINING else [f"method {facts.method}"]
    missing += [] if _alike(facts.precision, everything) else [f"precision {facts.precision}"]
    missing += [] if facts.optimizer in everything.optimizers else [f"optimizer {facts.optimizer}"]
    if facts.usual_recipe and _alike(facts.precision, everything):
        missing.append(f"formats other than those of recipe {facts.usual_recipe}")
    return tuple(missing)


def _outside(facts: Facts, own: Compared) -> tuple[str, ...]:
    """In what a prediction lies outside the rows of its stack."""
    named = (
        (set(facts.devices) <= set(own.devices), f"devices {', '.join(own.devices)}"),
        (_alike(facts.precision, own), f"precision {', '.join(own.precisions)}"),
        (facts.optimizer in own.optimizers, f"optimizer {', '.join(own.optimizers)}"),
    )
    billions = (own.parameters[0] / 1e9, own.parameters[1] / 1e9)
    ranges = (
        (facts.parameters, own.parameters, f"{_range(billions)} billion parameters"),
        (facts.device_count, own.device_count, f"{_range(own.device_count)} devices"),
        (facts.sequence, own.sequence, f"sequences of {_range(own.sequence)} tokens"),
        (facts.global_batch, own.global_batch, f"batches of {_range(own.global_batch)} sequences"),
    )
    return (
        *(words for is_among, words in named if not is_among),
        *(words for value, (low, high), words in ranges if not low <= value <= high),
    )


def _band(found: ErrorClass | None, without: str, selection: Selection | None = None) -> Band | None:
    """The band of a class; of a searched plan moved by what the choice is worth, and widened by its spread.

    The half-width and the spread's P90 add as the spreads of two independent errors do.
    """
    if found is None:
        return None
    half, middle = found.half_width_for(without), 0.0
    if selection is not None:
        half, middle = math.hypot(half, _TO_P90 * selection.spread), selection.shift
    ends = math.expm1(middle - half), math.expm1(middle + half)
    return Band(*ends, found.situation, found.rows, len(found.without))


_HALF = {"bf16", "fp16"}
"""Formats of one width and one peak: a step takes as long in either."""


def _alike(precision: str, compared: Compared) -> bool:
    """Whether rows in a precision that takes as long are among those compared."""
    checked = set(compared.precisions)
    return precision in checked or (precision in _HALF and bool(_HALF & checked))


def _whole(ends: tuple[float, float]) -> tuple[int, int]:
    return int(ends[0]), int(ends[1])


def _range(ends: tuple[float, float]) -> str:
    """ "8 to 512", or one number where both are the same."""
    low, high = map(number, ends)
    return low if low == high else f"{low} to {high}"
