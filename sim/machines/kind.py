"""What a kind of machine has to say: how it plans, what a step costs and does, what a search finds, its names.

Everything outside this room asks here, and tells no kind from another.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from sim.catalog import Device, Recipe, load_recipe
from sim.engine.program import Program
from sim.errors import InputError
from sim.hardware.network import Network
from sim.machines.prepared import LookedUp, Prepared
from sim.machines.study import PlanStudy
from sim.parallel.step_plan import StepPlan
from sim.scenario.types import RecipeRequest, Scenario, Training
from sim.workload.flops import StepFlops
from sim.workload.kinds import LayerKind, all_layers


class DeviceMemory(NamedTuple):
    """The memory that a device computes in, and what it is made of."""

    technology: str
    size_bytes: float
    bytes_per_s: float


class Share(NamedTuple):
    """What a part of a system computes of the model: stages of a pipeline, and the layers on them by kind."""

    stages: range
    layers: Mapping[LayerKind, int]


class MachineKind(ABC):
    """One kind of machine. Plans, stacks and costs are of its own records, which nothing else looks into.

    records: of its devices, its stacks and its plans. label: what a stack runs on. word: one device, with its number.
    one: one device in a sentence. plural: several. default_stack: where none is asked for.
    has_degrees: whether plans have degrees of parallelism, so that there is a space to search, limits of a search, a
    closed form that ranks it, and a rule of thumb to beat.
    is_part: whether it can be one of several parts of a system.
    is_profiled: whether the catalogue's profiles of how devices differ describe it.
    columns: headers of what `cells` says of a plan. caption: of a chart of all plans.
    """

    records: ClassVar[tuple[type, type, type]]
    label: ClassVar[str]
    word: ClassVar[str]
    one: ClassVar[str]
    plural: ClassVar[str]
    default_stack: ClassVar[str]
    has_degrees: ClassVar[bool] = False
    is_part: ClassVar[bool] = False
    is_profiled: ClassVar[bool] = False
    columns: ClassVar[tuple[str, ...]]
    caption: ClassVar[str]

    # Formats

    @abstractmethod
    def check_stack(self, stack: Any, device: Any, where: str) -> None:
        """Raise InputError for a stack, perhaps of the user's own, that says what is not known here."""

    def with_recipe(self, stack: Any, training: Training, where: str) -> Any:
        """The stack as it trains in the formats that a scenario asks for. Raises InputError for what it cannot do."""
        if training.recipe != RecipeRequest():
            raise InputError(
                f"{where} recipe", f"{self.plural} train in the formats of their stack", "leave recipe out"
            )
        return stack

    def as_trained(self, scenario: Scenario, stack: Any) -> Scenario:
        """The scenario with what a stack's recipe says of the model's layers."""
        return scenario

    def formats(self, stack: Any, precision: str) -> dict[str, str]:
        """Key of [training] -> format that a device must have a peak for."""
        return {"precision": precision}

    def asked_peak(self, stack: Any, precision: str, device: Device, flops: StepFlops) -> float:
        """FLOP/s of a device that MFU is held against: at the peaks of the formats that the model computes in."""
        return flops.mean_peak(device.peak_flops_per_s, precision)

    def recipe(self, prepared: Prepared) -> Recipe:
        """The formats of what is trained, as a checkpoint holds it."""
        return load_recipe(prepared.scenario.training.precision)

    def usual_recipe(self, stack: Any, precision: str) -> Recipe:
        """The stack's own for a precision, whatever a scenario asks for."""
        return load_recipe(precision)

    # Planning

    @abstractmethod
    def prepare(self, found: LookedUp, *, has_run: bool) -> Prepared:
        """Make the plan and work out its memory. has_run: the plan is known to; its memory is not held to the device's.

        Raises InputError or DoesNotFit.
        """

    @abstractmethod
    def study(self, found: LookedUp, top: int, jobs: int) -> PlanStudy:
        """Search for the best plans. top: how many the engine tries at least. jobs: processes that try them."""

    def would_hold(self, found: LookedUp) -> str | None:
        """How many devices would hold a model whose own plan does not fit; None where nobody can tell."""
        return None

    # A step

    @abstractmethod
    def costs(self, prepared: Prepared) -> Any:
        """What the instructions of a step cost on the fabrics of what is prepared."""

    @abstractmethod
    def program(self, prepared: Prepared) -> Program:
        """What every stream of every actor does in a step, by the costs of what is prepared."""

    @abstractmethod
    def flops(self, prepared: Prepared, layers: Mapping[LayerKind, int], *, head: bool) -> StepFlops:
        """FLOPs of a step through some of the layers, and the head if it is there."""

    def asks_for_at_most(self, scenario: Scenario, stack: Any, device: Any) -> float:
        """Bytes that a device is asked for by a host that nothing keeps from running ahead; 0 where something does."""
        return 0.0

    def shares(self, prepared: Prepared) -> tuple[Share, ...]:
        """What each part of the system computes."""
        return (Share(range(1), all_layers(prepared.scenario.model)),)

    @abstractmethod
    def passes(self, plan: Any, layers: int) -> int:
        """Passes of a step that the engine draws."""

    def closed_form_s(self, prepared: Prepared, network: Network) -> float:
        """Seconds of a step, quickly: where there is no closed form, the engine's."""
        return float(prepared.trace.step_time_s)

    def notes(self, prepared: Prepared) -> tuple[str, ...]:
        """What a reader must know of how such machines run this."""
        return ()

    # What if

    @abstractmethod
    def without_jitter(self, costs: Any) -> Any:
        """The costs of a step whose replicas are alike."""

    @abstractmethod
    def with_unlimited_memory(self, plan: Any) -> StepPlan:
        """The plan that unlimited memory would allow, all else equal."""

    # Reports

    def splits_model(self, plan: Any) -> bool:
        """Whether a plan splits the model itself."""
        return False

    @abstractmethod
    def cells(self, plan: Any) -> tuple[str, ...]:
        """Cells of a table, one for each of `columns`; plans of one system that differ have different ones."""

    @abstractmethod
    def settings(self, plan: Any) -> dict[str, str]:
        """What a plan sets, in words; "replicas" is what follows from the devices."""

    @abstractmethod
    def memory_of(self, device: Any) -> DeviceMemory:
        """The memory of a device of this kind."""

    @abstractmethod
    def stack_facts(self, stack: Any) -> tuple[str, str, str, str]:
        """ZeRO stages, attention kernel, sequence parallelism and overlaps of a stack of this kind."""
