"""Settings that a source does not state: whether any fit, and the fastest where it is taken to have tuned them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from sim.errors import ScaletaxError
from sim.hardware.network import Network
from sim.machines import Prepared
from sim.prepare import prepare_as_measured
from sim.scenario.bounds import divisors
from sim.scenario.types import PlanRequest
from sim.validation.cases import Case
from sim.validation.obstacles import NotScored
from sim.validation.plans import layers_per_stage

_GIB = 2.0**30
_LARGEST_MICRO_BATCH = 16
_MOST_VIRTUAL_STAGES = 8
"""As many as published plans have: sends and launches slow finer interleaving, which the closed form leaves out."""


def settled(case: Case, changed: Callable[[Prepared], Prepared] = lambda one: one) -> tuple[Case, Prepared]:
    """The case with every open setting chosen, the fastest of those that fit, and prepared.

    changed: what is done to everything that is prepared, such as other constants.
    A plan that the source states in full has run, whatever our account of its memory says; one of which something is
    assumed has to fit. Raises DoesNotFit where none does, InputError where no setting makes a legal plan.
    """
    tried: list[tuple[Case, Prepared]] = []
    refused: ScaletaxError | None = None
    for request in _requests(case) if case.open else [case.scenario.system.plan]:
        one = _with_plan(case, request)
        try:
            tried.append((one, changed(prepare_as_measured(one.scenario))))
        except ScaletaxError as error:
            refused = refused or error
    if not tried:
        assert refused is not None
        raise refused
    if not case.open and not case.guessed:
        return tried[0]
    fitting = [pair for pair in tried if _over_bytes(pair[1]) <= 0]
    if not fitting:
        thriftiest = min((prepared for _, prepared in tried), key=_over_bytes)
        raise _does_not_fit(case, thriftiest)
    return min(fitting, key=lambda pair: _closed_form_s(pair[1])) if case.open else fitting[0]


def _closed_form_s(prepared: Prepared) -> float:
    return prepared.kind.closed_form_s(prepared, Network(prepared.parts[0].topology))


def _over_bytes(prepared: Prepared) -> float:
    return prepared.memory.peak_bytes - prepared.memory.capacity_bytes


def _does_not_fit(case: Case, prepared: Prepared) -> NotScored:
    """Why a row is not scored: what was assumed, what it needs, what its devices have."""
    needs, has = (size / _GIB for size in (prepared.memory.peak_bytes, prepared.memory.capacity_bytes))
    return NotScored(
        case.row.id,
        f"not scored: the source does not say {', '.join(sorted({*case.open, *case.guessed}))}, and no plan assumed"
        f" for it fits: {prepared.plan.summary()} needs {needs:,.1f} GiB of a device's {has:,.1f} GiB",
    )


def _requests(case: Case) -> Iterator[PlanRequest]:
    """Every combination of the open settings that divides batch and layers."""
    scenario, given = case.scenario, case.scenario.system.plan
    pipeline = given.pipeline or 1
    # Degrees that do not divide are asked for once, so that the refusal says so.
    data = given.data or max(1, scenario.system.devices // ((given.tensor or 1) * pipeline))
    share = max(1, scenario.training.global_batch // data)
    sizes = divisors(share, _LARGEST_MICRO_BATCH) if "micro_batch" in case.open else [given.micro_batch or 1]
    for micro_batch in sizes:
        for virtual in _virtual_stages(case, pipeline, share // micro_batch):
            cut = layers_per_stage(scenario.model.layers, pipeline * virtual)
            yield dataclasses.replace(given, micro_batch=micro_batch, virtual_stages=virtual, layers_per_stage=cut)


def _virtual_stages(case: Case, pipeline: int, micro_batches: int) -> list[int]:
    given, layers = case.scenario.system.plan.virtual_stages, case.scenario.model.layers
    if "virtual_stages" not in case.open:
        return [given or 1]
    if pipeline == 1 or micro_batches % pipeline:
        return [1]
    if layers % pipeline == 0:
        return divisors(layers // pipeline, _MOST_VIRTUAL_STAGES)
    # Embedding and head count as a layer each; every chunk keeps a layer at least.
    if (layers + 2) % pipeline:
        return [1]
    return divisors((layers + 2) // pipeline, min((layers + 2) // (2 * pipeline), _MOST_VIRTUAL_STAGES))


def _with_plan(case: Case, request: PlanRequest) -> Case:
    """The case with its open settings as a request has them."""
    if not case.open:
        return case
    chosen = [f"{key} {getattr(request, key)} (fastest that fits)" for key in case.open]
    system = dataclasses.replace(case.scenario.system, plan=request)
    scenario = dataclasses.replace(case.scenario, system=system)
    return dataclasses.replace(case, scenario=scenario, assumed=(*case.assumed, *chosen), open=())
