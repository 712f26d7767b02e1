"""From a scenario to its outcome, as one straight line.

scenario -> device, stack, topology -> plan -> costs -> program -> engine -> trace -> ledger -> outcome
"""

from __future__ import annotations

import dataclasses

from sim.catalog import Device, Figure, Gpu, GpuStack, Stack, Wafer, WaferStack, load_device, load_stack
from sim.cost.compute import Machine
from sim.cost.step import step_costs
from sim.cost.wafer import WAFER_STYLE, wafer_costs
from sim.engine.clock import run
from sim.engine.lanes import LaneRun, Order, order_of, run_lanes
from sim.engine.pipeline_program import pipeline_program
from sim.engine.program import Program, without_waiting_for_others
from sim.engine.sharded_program import sharded_program
from sim.engine.trace import Trace
from sim.engine.transfers import shared_links
from sim.engine.wafer_program import wafer_program
from sim.errors import InputError, LedgerNotClosed, ScaletaxError
from sim.hardware.network import FreeNetwork, Network
from sim.hardware.topology import Topology, load_topology
from sim.outcome.ledger import close_ledger
from sim.outcome.links import link_use
from sim.outcome.outcome import Memory, Outcome
from sim.outcome.step_times import FOLDED, Resolution, step_times
from sim.outcome.varied import varied_ledger
from sim.parallel.memory import plan_memory
from sim.parallel.plan import Plan, shards_by_layer
from sim.parallel.wafer_plan import WaferPlan, plan_wafers, wafer_memory_bytes
from sim.planner.choose import choose_plan
from sim.scenario.types import Scenario
from sim.workload.flops import StepFlops, step_flops
from sim.workload.parameters import count_parameters

_SAME = 1e-9
"""Devices that are alike take as long as the one that stands for them, up to rounding."""
_COMPARED_STEPS = 10
"""Steps over which a step without one thing is compared with the step as it is, where steps differ."""
_DESCRIPTIVE = ("power_watts", "sram_bytes_per_s")
"""Figures of a device that no step depends on."""


@dataclasses.dataclass(frozen=True, slots=True)
class Prepared:
    """A scenario with its machine looked up and its plan made: everything but the simulation."""

    scenario: Scenario
    topology: Topology
    device: Device
    stack: Stack
    plan: Plan | WaferPlan
    memory: Memory

    @property
    def figures(self) -> tuple[Figure, ...]:
        """Every figure that this point rests on; a device's peaks in other precisions, say, are not among them."""
        used_peak = f"peak_flops_per_s.{self.scenario.training.precision}"
        device = [
            figure
            for figure in self.device.figures
            if figure.name == used_peak or not figure.name.startswith(("peak_flops_per_s", *_DESCRIPTIVE))
        ]
        system = (*self.stack.figures, *self.topology.figures, *self.scenario.system.variation.figures)
        return (*self.scenario.model.figures, *device, *system)


def prepare(scenario: Scenario) -> Prepared:
    """Look up the machine and make the plan. Raises InputError or DoesNotFit; simulates nothing."""
    scenario = _with_tokens(scenario)
    system = scenario.system
    topology = load_topology(system.topology, system.devices, scenario.where, sizes=system.sizes)
    device = load_device(topology.device, scenario.where)
    stack = load_stack(system.stack, scenario.where)
    _check_precision(scenario, device)
    _check_places(scenario, topology)
    match device, stack:
        case Wafer() as wafer, WaferStack() as wafer_stack:
            wafer_plan = plan_wafers(scenario, wafer, wafer_stack, WAFER_STYLE)
            sequence, size = scenario.training.sequence, wafer_plan.micro_batch
            kept = wafer_memory_bytes(scenario.model, sequence, size, wafer_stack, WAFER_STYLE)
            memory = Memory(({"activations": kept},), wafer.sram_bytes)
            return Prepared(scenario, topology, wafer, wafer_stack, wafer_plan, memory)
        case Gpu() as gpu, GpuStack() as gpu_stack:
            machine = Machine(gpu, gpu_stack, scenario.training.precision)
            plan = choose_plan(scenario, machine, topology)
            stages = plan_memory(scenario.model, scenario.training, plan, gpu_stack, machine.style)
            memory = Memory(tuple(stage.items() for stage in stages), gpu.hbm_bytes)
            return Prepared(scenario, topology, gpu, gpu_stack, plan, memory)
    raise InputError(
        scenario.where,
        f"the stack '{stack.name}' does not run on a {device.title}",
        "use a GPU stack on a GPU topology, a wafer stack on a wafer topology (scaletax list stacks)",
    )


def simulate(scenario: Scenario) -> Outcome:
    """Run one scenario: a step of its system, accounted for to the last device-second."""
    return simulate_prepared(prepare(scenario))


def simulate_prepared(prepared: Prepared) -> Outcome:
    """Run what has been prepared."""
    scenario = prepared.scenario
    network = Network(prepared.topology)
    program, flops = _program(prepared, network)
    trace = run(program, shared_links(program, network))
    ledger = close_ledger(trace, scenario.system.devices)
    resolution, times = resolution_of(scenario), None
    if resolution.name == "full":
        order = order_of(program, trace, prepared.topology.domain)
        lanes = _every_device(prepared, order, trace, scenario.steps)
        ledger = varied_ledger(ledger, lanes)
        times = step_times(lanes, order, trace.step_time_s)
    outcome = Outcome(
        scenario=scenario,
        device_title=prepared.device.title,
        plan=prepared.plan,
        ledger=ledger,
        trace=trace,
        links=link_use(trace, network),
        memory=prepared.memory,
        flops=flops,
        peak_flops_per_s=prepared.device.peak_flops_per_s[scenario.training.precision],
        figures=prepared.figures,
        notes=_notes(prepared),
        resolution=resolution,
        step_times=times,
    )
    _check_utilisation(outcome)
    return outcome


def resolution_of(scenario: Scenario) -> Resolution:
    """Whether one device stands for its equals or every device is simulated, and why."""
    system = scenario.system
    if system.resolution == "folded":
        return FOLDED
    if system.resolution == "full":
        return Resolution("full", "asked for")
    if system.variation.is_none:
        return Resolution("folded", "every device of a stage is alike, and so is all that its replicas do")
    return Resolution("full", f"devices differ: variation '{system.variation.name}'")


def _every_device(prepared: Prepared, order: Order, trace: Trace, steps: int) -> LaneRun:
    """Run every device through some steps; through one where nothing varies, which must equal the folded one."""
    scenario, topology, devices = prepared.scenario, prepared.topology, prepared.plan.devices
    variation = scenario.system.variation
    steps = 1 if variation.is_none else min(scenario.steps, steps)
    found = run_lanes(order, variation, scenario.seed, steps, devices, topology.domain)
    alone_s, all_s = trace.step_time_s, float(found.step_times_s[0])
    if variation.is_none and abs(all_s - alone_s) > _SAME * alone_s:
        raise ScaletaxError("full resolution", f"{devices} equal devices take {all_s!r} s, one for all {alone_s!r} s")
    return found


def counterfactuals(prepared: Prepared, outcome: Outcome) -> dict[str, float]:
    """Step times in seconds with one thing removed at a time: engine runs, not subtractions.

    "free network": everything arrives at once. "no jitter": replicas are alike. "no bubble": no stage waits for
    another. "unlimited memory": the same plan without recomputation, or on a wafer the whole share in one pass.
    "no variation", where devices differ: they do not. The others are then mean steps, by their ratio to the same steps
    of the run as it is.
    """
    scenario, network = prepared.scenario, Network(prepared.topology)
    calm = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, jitter=0.0))
    programs = {
        "free network": _program(prepared, FreeNetwork(prepared.topology))[0],
        "no jitter": _program(dataclasses.replace(prepared, scenario=calm), network)[0],
        "no bubble": without_waiting_for_others(_program(prepared, network)[0]),
        "unlimited memory": _program(dataclasses.replace(prepared, plan=_roomy(prepared.plan)), network)[0],
    }
    traces = {name: run(program, shared_links(program, network)) for name, program in programs.items()}
    if scenario.system.variation.is_none or outcome.step_times is None:
        return {name: trace.step_time_s for name, trace in traces.items()}
    found = {"no variation": outcome.step_times.alike_s}
    as_it_is_s = float(outcome.step_times.times_s[:_COMPARED_STEPS].mean())
    for name, trace in traces.items():
        order = order_of(programs[name], trace, prepared.topology.domain)
        without_s = float(_every_device(prepared, order, trace, _COMPARED_STEPS).step_times_s.mean())
        found[name] = outcome.step_time_s * without_s / as_it_is_s
    del found["no jitter"]
    return found


def _roomy(plan: Plan | WaferPlan) -> Plan | WaferPlan:
    """The plan that unlimited memory would allow, all else equal."""
    if isinstance(plan, Plan):
        return dataclasses.replace(plan, recompute="none")
    return dataclasses.replace(plan, micro_batch=plan.micro_batch * plan.micro_batches, micro_batches=1)


def _program(prepared: Prepared, network: Network) -> tuple[Program, StepFlops]:
    """Cost the plan and write it down as a program; and the FLOPs that its step stands for."""
    scenario = prepared.scenario
    model, training, jitter = scenario.model, scenario.training, scenario.system.jitter
    match prepared.device, prepared.stack, prepared.plan:
        case Wafer() as wafer, WaferStack() as wafer_stack, WaferPlan() as wafer_plan:
            streamed = wafer_costs(model, training, wafer_plan, wafer, wafer_stack, network, jitter)
            return wafer_program(wafer_plan, streamed), step_flops(model, training, WAFER_STYLE, "none")
        case Gpu() as gpu, GpuStack() as gpu_stack, Plan() as plan:
            machine = Machine(gpu, gpu_stack, training.precision)
            costs = step_costs(model, training, plan, machine, network, jitter)
            build = sharded_program if shards_by_layer(plan, gpu_stack) else pipeline_program
            return build(plan, costs, gpu_stack), step_flops(model, training, machine.style, plan.recompute)
    raise InputError(scenario.where, "device, stack and plan are of different kinds", "prepare() never returns this")


def _with_tokens(scenario: Scenario) -> Scenario:
    """Resolve "20 per parameter"."""
    training = scenario.training
    if training.tokens_per_parameter is None:
        return scenario
    tokens = training.tokens_per_parameter * count_parameters(scenario.model).total
    return dataclasses.replace(scenario, training=dataclasses.replace(training, tokens=tokens))


def _check_places(scenario: Scenario, topology: Topology) -> None:
    """Devices and nodes that are said to be slow must be there."""
    devices = scenario.system.devices
    nodes = -(-devices // topology.domain)
    for place in scenario.system.variation.slow:
        kind, number, count = (
            ("device", place.device, devices) if place.device is not None else ("node", place.node, nodes)
        )
        if number is not None and number >= count:
            raise InputError(
                f"{scenario.where}.variation slow",
                f"{kind} {number} is slow, but the system has {count} {kind}s",
                f"write {kind} = 0 to {count - 1}",
            )


def _check_precision(scenario: Scenario, device: Device) -> None:
    precision = scenario.training.precision
    if precision not in device.peak_flops_per_s:
        raise InputError(
            f"{scenario.path}: [training] precision",
            f"a {device.title} has no {precision} matrix arithmetic",
            f"allowed on it: {', '.join(sorted(set(device.peak_flops_per_s) & {'fp16', 'bf16'}))}",
        )


def _notes(prepared: Prepared) -> tuple[str, ...]:
    stack, device = prepared.stack, prepared.device
    if device.name in stack.checked_on:
        low, high = stack.error_band
        notes = [f"{stack.name}: simulated step times were {low:+.1%} to {high:+.1%} off on published rows"]
    else:
        notes = [f"{stack.name} on a {device.title}: not compared with any published row"]
    plan, devices = prepared.plan, prepared.scenario.system.devices
    if plan.chosen_by == "rule":
        notes.append("plan chosen by the default rule, not searched for")
    if plan.devices < devices:
        notes.append(f"{devices - plan.devices} of {devices} devices stay unused: the plan cannot use them")
    longest = prepared.scenario.model.max_sequence
    if prepared.scenario.training.sequence > longest:
        notes.append(f"the sequence is longer than the model's published {longest}")
    return tuple(notes)


def _check_utilisation(outcome: Outcome) -> None:
    """0 < MFU <= HFU <= 1 by the convention that the ledger uses, and MFU is the ledger's useful share."""
    mfu = outcome.mfu_causal
    useful = outcome.ledger.share("useful")
    hfu = outcome.hfu_causal
    if not 0 < mfu <= hfu <= 1:
        raise LedgerNotClosed("outcome", f"0 < MFU {mfu!r} <= HFU {hfu!r} <= 1 does not hold")
    if abs(mfu - useful) > 1e-6 * mfu:
        raise LedgerNotClosed("outcome", f"MFU {mfu!r} and useful share {useful!r} must agree")
