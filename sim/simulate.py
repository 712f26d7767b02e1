"""From a scenario to its outcome, as one straight line.

scenario -> device, stack, topology -> plan -> costs -> program -> engine -> trace -> ledger -> outcome
"""

from __future__ import annotations

import dataclasses

from sim.catalog import Device, Figure, Gpu, GpuStack, Model, Stack, Wafer, WaferStack, load_device, load_stack
from sim.cost.compute import Machine
from sim.cost.step import step_costs
from sim.cost.wafer import WAFER_STYLE, wafer_costs
from sim.engine.clock import run
from sim.engine.pipeline_program import pipeline_program
from sim.engine.sharded_program import sharded_program
from sim.engine.wafer_program import wafer_program
from sim.errors import InputError, LedgerNotClosed
from sim.hardware.network import Network
from sim.hardware.topology import Topology
from sim.hardware.topology_file import load_topology
from sim.outcome.ledger import close_ledger
from sim.outcome.outcome import Memory, Outcome
from sim.parallel.memory import plan_memory
from sim.parallel.plan import Plan
from sim.parallel.wafer_plan import WaferPlan, plan_wafers, wafer_memory_bytes
from sim.planner.choose import choose_plan
from sim.scenario.types import Scenario
from sim.workload.flops import step_flops
from sim.workload.parameters import count_parameters


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
        """Every figure that this point rests on."""
        return (
            *self.scenario.model.figures,
            *self.device.figures,
            *self.stack.figures,
            *self.topology.figures,
        )


def prepare(scenario: Scenario) -> Prepared:
    """Look up the machine and make the plan. Raises InputError or DoesNotFit; simulates nothing."""
    scenario = _with_tokens(scenario)
    system = scenario.system
    topology = load_topology(system.topology, system.devices, scenario.where)
    device = load_device(topology.device, scenario.where)
    stack = load_stack(system.stack, scenario.where)
    _check_precision(scenario, device)
    if isinstance(device, Wafer) and isinstance(stack, WaferStack):
        wafer_plan = plan_wafers(scenario, device, stack, WAFER_STYLE)
        kept = wafer_memory_bytes(
            scenario.model, scenario.training.sequence, wafer_plan.micro_batch, stack, WAFER_STYLE
        )
        memory = Memory(({"activations": kept},), device.sram_bytes)
        return Prepared(scenario, topology, device, stack, wafer_plan, memory)
    if isinstance(device, Gpu) and isinstance(stack, GpuStack):
        machine = Machine(device, stack, scenario.training.precision)
        plan = choose_plan(scenario, machine, topology)
        stages = plan_memory(scenario.model, scenario.training, plan, stack, machine.style)
        memory = Memory(tuple(stage.items() for stage in stages), device.hbm_bytes)
        return Prepared(scenario, topology, device, stack, plan, memory)
    raise InputError(
        scenario.where,
        f"the stack '{stack.name}' does not run on a {device.title}",
        "use a GPU stack on a GPU topology, a wafer stack on a wafer topology (scaletax list stacks)",
    )


def simulate(scenario: Scenario) -> Outcome:
    """Run one scenario: a step of its system, accounted for to the last device-second."""
    prepared = prepare(scenario)
    scenario, plan = prepared.scenario, prepared.plan
    model, training, jitter = scenario.model, scenario.training, scenario.system.jitter
    network = Network(prepared.topology)
    device, stack = prepared.device, prepared.stack
    if isinstance(device, Wafer) and isinstance(stack, WaferStack) and isinstance(plan, WaferPlan):
        program = wafer_program(plan, wafer_costs(model, training, plan, device, stack, network, jitter))
        style, recompute = WAFER_STYLE, "none"
    else:
        assert isinstance(device, Gpu) and isinstance(stack, GpuStack) and isinstance(plan, Plan)
        machine = Machine(device, stack, training.precision)
        costs = step_costs(model, training, plan, machine, network, jitter)
        build = sharded_program if plan.zero == 3 else pipeline_program
        program = build(plan, costs, stack)
        style, recompute = machine.style, plan.recompute
    trace = run(program)
    outcome = Outcome(
        scenario=scenario,
        device_title=device.title,
        plan=plan,
        ledger=close_ledger(trace, scenario.system.devices),
        trace=trace,
        memory=prepared.memory,
        flops=step_flops(model, training, style, recompute),  # type: ignore[arg-type]
        peak_flops_per_s=device.peak_flops_per_s[training.precision],
        figures=prepared.figures,
        notes=_notes(prepared),
    )
    _check_utilisation(outcome)
    return outcome


def _with_tokens(scenario: Scenario) -> Scenario:
    """Resolve "20 per parameter"."""
    training = scenario.training
    if training.tokens_per_parameter is None:
        return scenario
    tokens = training.tokens_per_parameter * count_parameters(scenario.model).total
    return dataclasses.replace(scenario, training=dataclasses.replace(training, tokens=tokens))


def _check_precision(scenario: Scenario, device: Device) -> None:
    precision = scenario.training.precision
    if precision not in device.peak_flops_per_s:
        raise InputError(
            f"{scenario.path}: [training] precision",
            f"a {device.title} has no {precision} matrix arithmetic",
            f"allowed on it: {', '.join(sorted(set(device.peak_flops_per_s) & {'fp16', 'bf16'}))}",
        )


def _notes(prepared: Prepared) -> tuple[str, ...]:
    notes = []
    plan, devices = prepared.plan, prepared.scenario.system.devices
    if plan.chosen_by == "rule":
        notes.append("plan chosen by the default rule, not searched for")
    if plan.devices < devices:
        notes.append(f"{devices - plan.devices} of {devices} devices stay unused: the batch does not divide over them")
    longest = prepared.scenario.model.max_sequence
    if prepared.scenario.training.sequence > longest:
        notes.append(f"the sequence is longer than the model's published {longest}")
    return tuple(notes)


def _check_utilisation(outcome: Outcome) -> None:
    """0 < MFU <= HFU <= 1 by the convention that the ledger uses, and MFU is the ledger's useful share."""
    mfu = outcome.mfu_causal
    useful = outcome.ledger.share("useful")
    if not 0 < mfu <= 1 or abs(mfu - useful) > 1e-6 * mfu:
        raise LedgerNotClosed("outcome", f"MFU {mfu!r} and useful share {useful!r} must agree and lie in (0, 1]")
