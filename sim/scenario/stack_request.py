"""`stack = "a"`, or `stack = { name = "a", cuda_graph = "full" }`: a software stack, with options of it changed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Annotated, Any

from sim.catalog import nameable_stacks
from sim.catalog.stack_records import CudaGraph
from sim.scenario.hardware_tables import name_of
from sim.scenario.offers import OWN_FILE, OneOf
from sim.scenario.table import NamedBy, ReadAs, Table, Text, like


@dataclass(frozen=True, slots=True)
class StackRequest(Table):
    """[system.stack]. A software stack, and which of its options are not as it has them by itself."""

    name: Annotated[Text, OneOf(nameable_stacks, OWN_FILE), like('"megatron-2022"', '"my-stack.toml"')]
    """A stack of the catalogue, or a path ending in .toml."""
    cuda_graph: CudaGraph | None = None
    """What a launch of the host replays. none: one kernel; layer: a pass through a layer; full: all of a step's."""
    tensor_overlap: bool | None = None
    """Whether gathers and scatters of tensor ranks run beside the matrix products that they feed or follow."""
    gradient_overlap: bool | None = None
    """Whether gradients are reduced bucket by bucket beside the backward."""
    parameter_overlap: bool | None = None
    """Whether parameters of a sharded optimizer are gathered beside the next step's first forward."""
    pipeline_overlap: bool | None = None
    """Whether sends between stages of a pipeline run beside compute."""

    @property
    def options(self) -> dict[str, Any]:
        """The options that are asked for, by their keys."""
        return {key: value for key, value in asdict(self).items() if key != "name" and value is not None}

    @property
    def text(self) -> str:
        """As it stands behind the stack's name: " (cuda_graph full)"; empty where nothing is asked."""
        told = ", ".join(f"{key} {option_text(value)}" for key, value in self.options.items())
        return f" ({told})" if told else ""


def option_text(value: object) -> str:
    """The value of an option as people say it."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else f"{value}"


def _read(asked: StackRequest) -> str | StackRequest:
    """A name where no option is asked for."""
    return asked if asked.options else asked.name


def _written(stack: Any) -> str | dict[str, Any]:
    return {"name": stack.name, **stack.options} if isinstance(stack, StackRequest) else name_of(stack)


StackName = Annotated[
    Any,
    ReadAs(StackRequest, _read, _written),
    NamedBy(
        "name",
        "is no software stack",
        'write for example stack = "megatron-2022" (scaletax list stacks), or a table [system.stack]',
    ),
]
"""What a system has as its stack: a name or a path; a request where options are asked for; or a stack itself."""
