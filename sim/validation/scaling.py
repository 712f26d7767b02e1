"""Loss of throughput with size: one model on more and more devices, measured and predicted.

A series is all rows that say the same of source, stack, device, model, sequence, precision, recomputation, sharding,
tensor, pipeline and context degree, virtual stages and micro-batch, and that have either the same batch per device
(weak scaling) or the same global batch (strong scaling). What may differ is the number of devices and what follows
from it: the data degree, and with it the global batch or the micro-batches of a replica. It needs three sizes or more;
rows that are held back (those for fitting) count among the sizes, but the loss is that between the smallest and the
largest of the others. Rows on equally many devices count as one, by their mean throughput. A row may be in two series.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import fmean
from typing import NamedTuple

from sim.validation.cases import Case
from sim.validation.compare import Comparison
from sim.validation.conventions import place_of
from sim.validation.labels import label_of
from sim.validation.table import Row

FEWEST_SIZES = 3
WEAK, STRONG = "same batch per device", "same global batch"


@dataclass(frozen=True, slots=True)
class Series:
    """One model on several sizes of one kind of cluster.

    kind: WEAK or STRONG. batch: the sequences that are the same. devices: the sizes compared, from the smallest.
    measured_loss, predicted_loss: the share of the tokens per second and device at the smallest size that is lost at
    the largest; negative where it is gained. leaves_node: whether the largest size does not fit a node.
    """

    source: str
    stack: str
    model: str
    kind: str
    batch: float
    devices: tuple[int, ...]
    measured_loss: float
    predicted_loss: float
    leaves_node: bool

    @property
    def error(self) -> float:
        """Predicted less measured loss; a hundredth of it is one percentage point."""
        return self.predicted_loss - self.measured_loss


def series_of(comparisons: Sequence[Comparison], supported: Iterable[Case] = ()) -> tuple[Series, ...]:
    """Every series among some rows, by source, stack and model.

    supported: rows that count among the sizes of a series, compared or not.
    """
    sizes: dict[_Key, set[int]] = defaultdict(set)
    members: dict[_Key, list[Comparison]] = defaultdict(list)
    for case in (*supported, *(one.case for one in comparisons)):
        for key in _keys(case):
            sizes[key].add(case.scenario.system.devices)
    for one in comparisons:
        for key in _keys(one.case):
            members[key].append(one)
    found = [
        _series(own, key.kind, float(key.batch))
        for key, own in members.items()
        if len(sizes[key]) >= FEWEST_SIZES and len({one.case.scenario.system.devices for one in own}) > 1
    ]
    return tuple(sorted(found, key=lambda one: (one.source, one.stack, one.model, one.kind, one.devices, one.batch)))


def mean_scaling_error(series: Sequence[Series]) -> float | None:
    """Mean absolute error of the loss, as a share; None of no series."""
    return fmean(abs(one.error) for one in series) if series else None


class _Key(NamedTuple):
    """What is the same in all rows of a series."""

    kind: str
    batch: Fraction
    stated: tuple[Hashable, ...]


def _keys(case: Case) -> tuple[_Key, _Key]:
    """The two series that a row may be in."""
    row, batch, devices = case.row, case.scenario.training.global_batch, case.scenario.system.devices
    shape = (row.model, row.layers, row.d_model, row.heads, row.seq_len)
    how = (row.precision, row.recompute, row.zero_stage, row.sequence_parallel, row.flash_attention, row.schedule)
    flags = (row.recipe, row.fp8_gather, row.cuda_graph, row.tensor_overlap, row.offload_layers, row.megatron_fsdp)
    plan = (row.tp, row.pp, row.cp, row.vpp, row.micro_batch)
    stated = (label_of(row.source), case.stack, row.gpu, *shape, *how, *flags, *plan)
    return _Key(WEAK, Fraction(batch, devices), stated), _Key(STRONG, Fraction(batch), stated)


def _series(members: Sequence[Comparison], kind: str, batch: float) -> Series:
    by_size: dict[int, list[Comparison]] = defaultdict(list)
    for one in members:
        by_size[one.case.scenario.system.devices].append(one)
    sizes = sorted(by_size)
    smallest, largest = by_size[sizes[0]], by_size[sizes[-1]]
    measured = [fmean(_rate(one, one.measured_s) for one in end) for end in (smallest, largest)]
    predicted = [fmean(_rate(one, one.predicted_s) for one in end) for end in (smallest, largest)]
    first = members[0]
    return Series(
        source=label_of(first.row.source),
        stack=first.stack,
        model=first.row.model,
        kind=kind,
        batch=batch,
        devices=tuple(sizes),
        measured_loss=1.0 - measured[1] / measured[0],
        predicted_loss=1.0 - predicted[1] / predicted[0],
        leaves_node=sizes[-1] > _devices_per_node(first.row),
    )


def _devices_per_node(row: Row) -> int:
    place = place_of(row)
    return row.gpus_per_node or (place.devices_per_node if place else 1)


def _rate(one: Comparison, step_s: float) -> float:
    """Tokens per second and device of a step."""
    training, devices = one.case.scenario.training, one.case.scenario.system.devices
    return training.global_batch * training.sequence / (step_s * devices)
