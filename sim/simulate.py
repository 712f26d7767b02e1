"""From a scenario to its outcome, as one straight line.

scenario -> device, stack, topology -> plan -> costs -> program -> engine -> trace -> ledger -> outcome -> run
"""

from __future__ import annotations

from sim.catalog import load_optimizer
from sim.engine.collection import without_garbage_collection
from sim.engine.lanes import LaneRun, Order, order_of, run_lanes
from sim.engine.trace import Trace
from sim.errors import LedgerNotClosed, ScaletaxError
from sim.machines import Prepared, facts_of
from sim.outcome.confidence import OF_SEVERAL_PARTS, Confidence, confidence
from sim.outcome.ledger import accounts, close_ledger
from sim.outcome.links import link_use
from sim.outcome.outcome import Outcome, PartUse
from sim.outcome.step_times import FOLDED, Resolution, step_times
from sim.outcome.varied import varied_ledger
from sim.page.numbers import gibibytes
from sim.prepare import prepare
from sim.scenario.amounts import batch_note
from sim.scenario.bounds import MOST_DEVICE_TURNS, MOST_TURNS_OF_STEPS, check_size
from sim.scenario.types import Scenario, name_of
from sim.training import with_run
from sim.workload.flops import half_peak
from sim.workload.kinds import all_layers

__all__ = [
    "Prepared",
    "every_device",
    "order_of_step",
    "prepare",
    "resolution_of",
    "simulate",
    "simulate_prepared",
]

_SAME = 1e-9
"""Devices that are alike take as long as the one that stands for them, up to rounding."""


def simulate(scenario: Scenario) -> Outcome:
    """Run one scenario: a step of its system, accounted for to the last device-second, and the whole run."""
    prepared = prepare(scenario)
    return with_run(prepared, simulate_prepared(prepared))


@without_garbage_collection()
def simulate_prepared(prepared: Prepared) -> Outcome:
    """Run a step of what has been prepared."""
    scenario, trace = prepared.scenario, prepared.trace
    ledger = close_ledger(trace, scenario.system.devices)
    resolution, times = resolution_of(scenario), None
    if resolution.name == "full":
        order = order_of_step(prepared)
        lanes = every_device(prepared, order, trace, scenario.steps)
        ledger = varied_ledger(ledger, accounts(trace), lanes)
        times = step_times(lanes, order, trace.step_time_s, prepared.domains[0])
    parts = _uses(prepared)
    outcome = Outcome(
        scenario=scenario,
        machine=prepared.kind.label,
        device_title=prepared.device_title,
        stack=prepared.stack_label,
        plan=prepared.plan,
        ledger=ledger,
        trace=trace,
        links=link_use(trace, *prepared.networks),
        memory=prepared.memory,
        flops=prepared.kind.flops(prepared, all_layers(scenario.model), head=True),
        peak_flops_per_s=sum(part.asked_flops_per_s * (part.devices / scenario.system.devices) for part in parts),
        half_peak_flops_per_s=sum(part.half_flops_per_s * (part.devices / scenario.system.devices) for part in parts),
        parts=parts,
        figures=prepared.figures,
        notes=_notes(prepared),
        effort=prepared.effort,
        confidence=_confidence(prepared),
        resolution=resolution,
        step_times=times,
    )
    _check_utilisation(outcome)
    return outcome


def order_of_step(prepared: Prepared) -> Order:
    """The order in which every device can be advanced through a step, for drawing its steps again and again."""
    return order_of(prepared.program, prepared.trace, *prepared.domains)


def resolution_of(scenario: Scenario) -> Resolution:
    """Whether one device stands for its equals or every device is simulated, and why."""
    system = scenario.system
    if system.resolution == "folded":
        return FOLDED
    if system.resolution == "full":
        return Resolution("full", "asked for")
    if system.variation.is_none:
        return Resolution("folded", "devices that do the same are alike")
    return Resolution("full", f"devices differ: variation '{system.variation.name}'")


def every_device(prepared: Prepared, order: Order, trace: Trace, steps: int) -> LaneRun:
    """Run every device through some steps; through one where nothing varies, which must equal the folded one."""
    scenario, devices = prepared.scenario, prepared.plan.devices
    variation = scenario.system.variation
    steps = 1 if variation.is_none else min(scenario.steps, steps)
    turns = order.device_turns
    check_size(turns, MOST_DEVICE_TURNS, "instructions of devices in a step", scenario.where)
    check_size(steps, MOST_TURNS_OF_STEPS // turns, f"steps of {turns:,} instructions of devices", scenario.where)
    found = run_lanes(order, variation, scenario.seed, steps, devices, prepared.domains[0])
    alone_s, all_s = trace.step_time_s, float(found.step_times_s[0])
    if variation.is_none and abs(all_s - alone_s) > _SAME * alone_s:
        raise ScaletaxError("full resolution", f"{devices} equal devices take {all_s!r} s, one for all {alone_s!r} s")
    return found


def _uses(prepared: Prepared) -> tuple[PartUse, ...]:
    """What each part computes of a step: the layers of its stages, and the last one the head."""
    scenario, kind, found = prepared.scenario, prepared.kind, list[PartUse]()
    shares = kind.shares(prepared)
    for given, part, share in zip(scenario.system.every_part, prepared.parts, shares, strict=True):
        flops = kind.flops(prepared, share.layers, head=share is shares[-1])
        peaks, precision = part.device.peak_flops_per_s, scenario.training.precision
        asked = kind.asked_peak(prepared.stack, precision, part.device, flops)
        rates = (flops.mean_peak(peaks, precision), asked, half_peak(peaks, precision))
        titles = name_of(given.topology), part.topology.title, part.device.title
        found.append(PartUse(*titles, given.devices, share.stages, flops, *rates))
    return tuple(found)


def _confidence(prepared: Prepared) -> Confidence:
    """What predictions for sources that were left out say about this one; of parts of different kinds nothing."""
    facts = facts_of(prepared)
    if facts is None:
        return OF_SEVERAL_PARTS
    is_guessed = prepared.scenario.system.stack_is_default
    return confidence(facts, is_guessed=is_guessed, is_searched=prepared.plan.chosen_by != "user")


def _notes(prepared: Prepared) -> tuple[str, ...]:
    kinds, notes = {part.device.name for part in prepared.parts}, []
    if len(prepared.parts) > 1:
        notes.append("sends between parts take what the slower of the two takes inside itself, and share no links")
    if len(kinds) > 1:
        notes.append("MFU counts every device by its peak; shares of device-seconds count all devices alike")
    notes += prepared.kind.notes(prepared)
    plan, devices = prepared.plan, prepared.scenario.system.devices
    if plan.chosen_by != "user":
        notes.append("plan chosen: the fastest that fits (scaletax plan shows what there was to choose from)")
    if prepared.is_tight:
        free = prepared.scenario.system.search.memory_margin
        notes.append(
            f"memory within {100 * free:g} % of the device's: fragmentation may exhaust it; a search leaves that free"
        )
    if prepared.memory.host is not None:
        title, held, has = prepared.memory.host
        notes.append(f"{gibibytes(held)} of the {gibibytes(has)} of a host's memory are in use ({title})")
    if plan.devices < devices:
        notes.append(f"{devices - plan.devices} of {devices} devices stay unused: the plan cannot use them")
    if rounded := batch_note(prepared.scenario.training):
        notes.append(rounded)
    if load_optimizer(prepared.scenario.training.optimizer).orthogonal_steps:
        exchanged = "what replicas and tensor ranks exchange to make updates of whole matrices orthogonal"
        notes.append(f"{prepared.scenario.training.optimizer}: not counted: {exchanged}")
    if whole := prepared.scenario.model.part_of:
        notes.append(f"of {whole} only the language model is simulated")
    longest = prepared.scenario.model.max_sequence
    if prepared.scenario.training.sequence > longest:
        notes.append(f"the sequence is longer than the model's published {longest}")
    return tuple(notes)


def _check_utilisation(outcome: Outcome) -> None:
    """0 < MFU <= HFU <= 1 by the convention that the ledger uses, and the ledger's useful share is what FLOPs say."""
    mfu, hfu = outcome.mfu_causal, outcome.hfu_causal
    useful, expected = outcome.ledger.share("useful"), outcome.useful_share
    if not 0 < mfu <= hfu <= 1:
        raise LedgerNotClosed("outcome", f"0 < MFU {mfu!r} <= HFU {hfu!r} <= 1 does not hold")
    if abs(expected - useful) > 1e-6 * expected:
        raise LedgerNotClosed("outcome", f"useful share {useful!r} and model FLOPs over peaks {expected!r} must agree")
