"""Options of stacks: what they change, which a stack has, and what is said of those that it lacks."""

from __future__ import annotations

import dataclasses

import pytest
from builders import fixed, point, slow_host

from sim.catalog import GpuStack, load_stack, stack_names
from sim.errors import InputError
from sim.machines.gpu import gpu_machine, machines_of
from sim.machines.prepared import stack_of
from sim.machines.stack_options import choices, option_names, with_known_options, with_options
from sim.prepare import prepare
from sim.scenario.types import StackRequest

BRIDGE = "megatron-bridge-26.06"


def switched(name: str = BRIDGE, **options: object) -> GpuStack:
    found = with_options(load_stack(name), StackRequest(name, **options), "here")  # type: ignore[arg-type]
    assert isinstance(found, GpuStack)
    return found


def test_every_option_changes_what_it_is_about() -> None:
    usual = load_stack(BRIDGE)
    off = switched(tensor_overlap=False, gradient_overlap=False, parameter_overlap=False, pipeline_overlap=False)
    assert isinstance(usual, GpuStack)
    for one, expected in ((usual, True), (off, False)):
        found = (one.overlap_tensor_exchange, one.overlap_gradient_reduction, one.overlap_parameter_gather)
        assert (*found, one.overlap_pipeline_send) == (expected,) * 4
    assert (usual.cuda_graph, switched(cuda_graph="full").cuda_graph) == ("none", "full")
    # The name is that of the stack, which is what its rows and errors are of.
    assert off.name == usual.name


def test_a_figure_that_was_asked_for_cites_the_option() -> None:
    (figure,) = (one for one in switched(tensor_overlap=False).figures if one.name == "overlap_tensor_exchange")
    assert (figure.value, figure.source) == (False, "bridge-overlap")
    assert figure.note == "asked for: tensor_overlap off (comm_overlap.tp_comm_overlap)"


@pytest.mark.parametrize(
    ("name", "options", "problem", "remedy"),
    [
        ("megatron-bridge-25.09", {"cuda_graph": "full"}, "has no cuda_graph 'full'", "allowed: none, layer"),
        ("megatron-core-2024", {"cuda_graph": "none"}, "has no option cuda_graph", "it has: tensor_overlap (on, off)"),
        ("megatron-2022", {"tensor_overlap": True}, "has no option tensor_overlap", "nothing of this stack can be"),
        ("megatron-fsdp", {"cuda_graph": "layer"}, "has no option cuda_graph", "it has: tensor_overlap (on, off)"),
        ("llama-3-2024", {"gradient_overlap": True}, "has no option gradient_overlap", "nothing of this stack can be"),
        ("cerebras-r2", {"tensor_overlap": True}, "has no option tensor_overlap", "nothing of this stack can be"),
    ],
)
def test_what_a_stack_lacks_is_refused_with_what_it_has(
    name: str, options: dict[str, object], problem: str, remedy: str
) -> None:
    with pytest.raises(InputError) as caught:
        switched(name, **options)
    assert caught.value.where == "here stack"
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


@pytest.mark.parametrize("name", stack_names())
def test_every_option_that_a_file_states_is_one_of_a_scenario(name: str) -> None:
    stack = load_stack(name)
    stated = {entry for entry, called in stack.options.items() if called}
    known = option_names(stack)
    assert stated == {f"{key} {choice}".strip() for key, choice in known}
    assert {key for key, _ in known} == set(choices(stack))
    for key, allowed in choices(stack).items():
        for choice in allowed:
            value: object = choice == "on" if allowed == ["on", "off"] else choice
            assert isinstance(with_options(stack, StackRequest(name, **{key: value}), "here"), type(stack))  # type: ignore[arg-type]


def test_a_scenario_runs_the_stack_that_it_asks_for() -> None:
    scenario = point(stack=StackRequest(BRIDGE, "layer"))  # type: ignore[arg-type]
    found = stack_of(scenario)
    assert isinstance(found, GpuStack)
    assert found.cuda_graph == "layer"


def test_a_file_states_no_option_that_nobody_can_ask_for() -> None:
    bridge = load_stack(BRIDGE)
    assert with_known_options(bridge, "here") is bridge
    odd = dataclasses.replace(bridge, options={**bridge.options, "cuda_graph partial": "a flag"})
    with pytest.raises(InputError, match="unknown option 'cuda_graph partial'; did you mean") as caught:
        with_known_options(odd, "here")
    assert "cuda_graph layer" in caught.value.remedy


def test_a_host_launches_at_its_own_pace() -> None:
    scenario = point(topology="hgx-h100-node", stack="megatron-core-2024", plan=fixed(tensor=1))
    (usual,) = machines_of(prepare(scenario))
    slow = gpu_machine(usual.gpu, usual.stack, "bf16", slow_host(2.0))
    assert usual.host_factor == 1.0
    for phase in ("forward", "backward"):
        assert slow.launching(phase).each_s == 2 * usual.launching(phase).each_s
