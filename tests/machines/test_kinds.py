"""Kinds of machines: what they are asked for, that nobody else tells them apart, and hardware of one's own."""

import ast
import dataclasses
from pathlib import Path

import pytest
from builders import cluster, equipped, fixed, gpt, gpu, gpu_stack, point, swarm, training, wafer, wafer_stack

import sim
from sim.catalog import device_names, load_device, load_stack, stack_names
from sim.errors import InputError
from sim.hardware.topology import load_topology, shelf
from sim.machines import KINDS, kind_of
from sim.prepare import prepare
from sim.scenario import PlanRequest
from sim.simulate import simulate

PACKAGE = Path(sim.__file__).parent
RECORDS = {record.__name__ for kind in KINDS for record in kind.records}
ABOVE = ("report", "cli", "sweep", "validation", "counterfactual", "simulate", "training", "planning", "prepare")
READS_ROWS_OF_GPUS = "validation/plans.py"
"""The table of measurements is of runs on GPUs: its columns are degrees of parallelism."""


def names_in(node: ast.AST) -> set[str]:
    found = {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}
    return found | {one.attr for one in ast.walk(node) if isinstance(one, ast.Attribute)}


def told_apart(source: str) -> list[str]:
    """Where a module asks what kind of machine something is of: isinstance, a class pattern, a comparison of types."""
    found = []
    for node in ast.walk(ast.parse(source)):
        asks = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "isinstance"
        asks |= isinstance(node, ast.MatchClass)
        asks |= isinstance(node, ast.Compare) and "type" in names_in(node)
        if asks and names_in(node) & RECORDS:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nobody_else_tells_kinds_apart(path):
    name, source = path.relative_to(PACKAGE).as_posix(), path.read_text(encoding="utf-8")
    if not name.startswith("machines/"):
        assert not told_apart(source)
    if name.split("/")[0].removesuffix(".py") in ABOVE and name != READS_ROWS_OF_GPUS:
        imported = [one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.ImportFrom)]
        assert not RECORDS & {alias.name for one in imported for alias in one.names}


@pytest.mark.parametrize(
    "line",
    [
        "x = isinstance(plan, WaferPlan)",
        "x = isinstance(plan, (int, records.Gpu))",
        "match plan:\n    case Plan(): pass",
        "match a, b:\n    case _, GpuStack() as stack: pass",
        "x = type(plan) is Plan",
    ],
)
def test_the_habit_would_be_seen(line):
    assert told_apart(line)


def test_every_device_and_stack_is_of_one_kind():
    records = [*map(load_device, device_names()), *map(load_stack, stack_names())]
    for record in records:
        assert [kind for kind in KINDS if type(record) in kind.records] == [kind_of(record)]
    assert {kind_of(record) for record in records} == set(KINDS)
    assert all(kind_of(load_stack(kind.default_stack)) is kind for kind in KINDS)


POINTS = {
    "gpu": lambda: (point(gpt(), 16, fixed(tensor=2, micro_batch=1)), gpu(), gpu_stack(), cluster(16)),
    "wafer": lambda: (point(gpt(), 4, stack="cerebras-r2", topology="andromeda"), wafer(), wafer_stack(), swarm(4)),
}


@pytest.mark.parametrize("word", POINTS)
def test_what_a_kind_says_of_a_plan(word):
    prepared = prepare(POINTS[word]()[0])
    kind, plan = prepared.kind, prepared.plan
    assert kind.word == word
    assert kind_of(plan) is kind_of(prepared.stack) is kind_of(prepared.parts[0].device) is kind
    assert len(kind.cells(plan)) == len(kind.columns)
    assert kind.settings(plan)["replicas"] == str(plan.devices // (2 if word == "gpu" else 1))
    assert kind.memory_of(prepared.parts[0].device).size_bytes == prepared.memory.capacity_bytes
    (share,) = kind.shares(prepared)
    assert (share.stages, sum(share.layers.values())) == (range(1), 4)
    assert kind.closed_form_s(prepared, prepared.networks[0]) == pytest.approx(prepared.trace.step_time_s)


@pytest.mark.parametrize("word", POINTS)
def test_hardware_is_given_by_name_by_path_or_as_an_object(word, tmp_path):
    scenario, *_ = POINTS[word]()
    system = scenario.system
    named = simulate(scenario)
    path = tmp_path / f"{system.topology}.toml"
    path.write_text((shelf("topologies") / path.name).read_text())
    topology = load_topology(system.topology, system.devices, "test")
    given = [(str(path), system.stack), (topology, system.stack), (topology, load_stack(system.stack))]
    for its_topology, stack in given:
        changed = dataclasses.replace(system, topology=its_topology, stack=stack)
        found = simulate(dataclasses.replace(scenario, system=changed))
        assert (found.step_time_s, found.figures) == (named.step_time_s, named.figures)


@pytest.mark.parametrize("word", POINTS)
def test_objects_of_ones_own_are_what_runs(word):
    scenario, device, stack, topology = POINTS[word]()
    own = dataclasses.replace(device, name="mine", title="Mine")
    prepared = prepare(equipped(scenario, own, stack, topology))
    (part,) = prepared.parts
    assert (part.device, prepared.stack, part.topology.links) == (own, stack, topology.links)
    assert prepared.device_title == "Mine"
    assert topology.load_device().name != "mine"


def test_an_object_of_another_size_is_refused():
    with pytest.raises(InputError, match=r"'test' is given with its 64 devices, and asked for with 8 devices"):
        prepare(equipped(point(), topology=cluster(64)))
    scenario = equipped(point(), topology=cluster(8))
    sized = dataclasses.replace(scenario, system=dataclasses.replace(scenario.system, sizes={"nodes_per_leaf": 8}))
    with pytest.raises(InputError, match="asked for with sizes nodes_per_leaf"):
        prepare(sized)


def test_a_step_is_made_once():
    prepared = prepare(point(gpt(), 16, fixed(pipeline=2), recipe=training(64)))
    assert prepared.program is prepared.program
    assert prepared.trace is prepared.trace
    changed = dataclasses.replace(prepared, stack=gpu_stack(fixed_step_s=1.0))
    assert changed.trace.step_time_s > prepared.trace.step_time_s + 0.9


@pytest.mark.parametrize("stack", [None, 3, Path("mine.toml"), gpu(), cluster(8)])
def test_what_is_no_stack_is_told(stack):
    scenario = point()
    system = dataclasses.replace(scenario.system, stack=stack)
    with pytest.raises(InputError, match=r"stack\n  .* is no software stack\n  give the name of one"):
        prepare(dataclasses.replace(scenario, system=system))


@pytest.mark.parametrize("topology", [None, 3, Path("mine.toml"), gpu(), gpu_stack()])
def test_what_is_no_topology_is_told(topology):
    scenario = point()
    system = dataclasses.replace(scenario.system, topology=topology)
    with pytest.raises(InputError, match=r"topology\n  .* is no topology\n  give the name of one"):
        prepare(dataclasses.replace(scenario, system=system))


def test_a_plan_is_chosen_or_fixed():
    with pytest.raises(InputError, match='keys of a plan with rule = "best"'):
        prepare(point(plan=PlanRequest(tensor=2)))
