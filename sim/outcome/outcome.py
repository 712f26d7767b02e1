"""What one simulation found: step metrics, the closed account, memory, time to train."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from sim.catalog import NARROW_PRECISIONS, Figure
from sim.engine.trace import Trace
from sim.outcome.confidence import NEVER_CHECKED, Confidence
from sim.outcome.economics import RunBill
from sim.outcome.effort import Effort
from sim.outcome.ledger import Ledger
from sim.outcome.links import LinkUse
from sim.outcome.quality.expected import ExpectedLoss
from sim.outcome.run.training_run import TrainingRun
from sim.outcome.step_times import FOLDED, Resolution, StepTimes
from sim.parallel.step_plan import StepPlan
from sim.scenario.types import Scenario
from sim.workload.flops import StepFlops


def utilisation(step_flops: float, device_s: float, peak_flops_per_s: float) -> float:
    """Model or hardware FLOPs utilisation of a step: its FLOPs over what its device-seconds would do at the peak.

    Source: Chowdhery et al. 2022 (PaLM), appendix B. Hand-worked: 6 FLOPs in 2 s at a peak of 12 FLOP/s: 0.25.
    """
    return step_flops / (device_s * peak_flops_per_s)


class HostMemory(NamedTuple):
    """What the devices of one host leave in its memory, and what it has, in bytes."""

    title: str
    held_bytes: float
    capacity_bytes: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Peak memory of one device of every stage, in bytes by item, and what that device has."""

    stages: tuple[dict[str, float], ...]
    capacities_bytes: tuple[float, ...]
    host: HostMemory | None = None
    """Of the host that is filled most; None where nothing is left in the memory of hosts."""

    @property
    def fullest(self) -> int:
        """The stage that needs the largest share of its device's memory."""
        shares = [sum(items.values()) / has for items, has in zip(self.stages, self.capacities_bytes, strict=True)]
        return shares.index(max(shares))

    @property
    def peak_bytes(self) -> float:
        """Bytes of the fullest stage."""
        return sum(self.stages[self.fullest].values())

    @property
    def capacity_bytes(self) -> float:
        """What a device of the fullest stage has."""
        return self.capacities_bytes[self.fullest]


@dataclass(frozen=True, slots=True)
class PartUse:
    """Hardware of one kind in a run: where it lies, what it is, and what of the model it computes.

    stages: of the pipeline. flops: of one step, on all its devices. peak_flops_per_s: of one device that does them at
    the peaks of their formats. asked_flops_per_s: its peak in the format that the precision names, as in Outcome.
    half_flops_per_s: in half precision.
    """

    topology: str
    topology_title: str
    device_title: str
    devices: int
    stages: range
    flops: StepFlops
    peak_flops_per_s: float
    asked_flops_per_s: float
    half_flops_per_s: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that one simulated point yields."""

    scenario: Scenario
    device_title: str
    stack: str
    """What screens call its software: a name of the catalogue, or the title of a stack of one's own."""
    plan: StepPlan
    ledger: Ledger
    trace: Trace
    links: LinkUse
    memory: Memory
    flops: StepFlops
    peak_flops_per_s: float
    """Of one device, dense, in the format that a narrow precision names, else in those that the model computes in; the
    mean over all devices where they differ."""
    half_peak_flops_per_s: float
    """The same in half precision: what figures of other precisions can be compared by."""
    parts: tuple[PartUse, ...]
    """In the order of the pipeline; one where all hardware is of one kind."""
    figures: tuple[Figure, ...]
    notes: tuple[str, ...] = ()
    """What a reader must know beside the numbers: choices made for them, ranges left."""
    effort: Effort | None = None
    """How hard the plan was to find; None where it was given."""
    confidence: Confidence = NEVER_CHECKED
    """How far the step time is to be believed."""
    counterfactual_step_times_s: dict[str, float] = field(default_factory=dict)
    """Step times with one thing removed at a time, by its name."""
    resolution: Resolution = FOLDED
    step_times: StepTimes | None = None
    """The steps that were simulated with every device on its own; the ledger is that of their mean."""
    run: TrainingRun | None = None
    """The run over days; None where only a step was asked for."""
    bill: RunBill | None = None
    """Of the run that takes as long as the median one; None where there is none."""
    expected_losses: tuple[ExpectedLoss, ...] = ()
    """What scaling laws expect of the trained model; none of one that is fine-tuned."""

    @property
    def formats(self) -> tuple[str, ...]:
        """Those whose peaks utilisation is held against: of products and, where it has another one, of attention.

        Of narrow products it is their format alone, though attention and the vocabulary projection are wide.
        """
        several = len(self.flops.needed_in) > 1 and self.scenario.training.precision not in NARROW_PRECISIONS
        return tuple(self.flops.needed_in) if several else (self.scenario.training.precision,)

    @property
    def step_time_s(self) -> float:
        """Wall time of one optimizer step, the mean one where steps differ."""
        return self.ledger.step_time_s

    @property
    def devices(self) -> int:
        """Devices given to the run, used or not."""
        return self.ledger.devices

    @property
    def tokens_per_step(self) -> float:
        """Tokens of one global batch."""
        return float(self.scenario.training.global_batch * self.scenario.training.sequence)

    @property
    def tokens_per_s(self) -> float:
        """Throughput of the whole system."""
        return self.tokens_per_step / self.step_time_s

    @property
    def steps(self) -> float:
        """Optimizer steps to see all tokens."""
        return self.scenario.training.tokens / self.tokens_per_step

    @property
    def undisturbed_s(self) -> float:
        """Steps times step time: no failures, checkpoints or evaluation."""
        return self.steps * self.step_time_s

    @property
    def time_to_train_s(self) -> float:
        """What half of the simulated runs do not exceed; steps times step time where only a step was simulated."""
        return self.undisturbed_s if self.run is None else self.run.percentile_s(50)

    @property
    def account(self) -> Ledger:
        """Where every device-second of the whole run goes; of the step where only that was simulated."""
        return self.ledger if self.run is None else self.run.ledger

    @property
    def device_hours(self) -> float:
        """Time to train times devices, used or not."""
        return self.time_to_train_s * self.devices / 3600.0

    def _utilisation(self, step_flops: float) -> float:
        return utilisation(step_flops, self.ledger.total_s, self.peak_flops_per_s)

    @property
    def useful_share(self) -> float:
        """Model FLOPs at the peak of the device that did them, over all device-seconds: the ledger's useful share.

        Every device-second counts alike; in MFU each device counts by its peak. The same number on devices of one kind.
        """
        return sum(part.flops.needed / part.peak_flops_per_s for part in self.parts) / self.ledger.total_s

    @property
    def mfu_causal(self) -> float:
        """Model FLOPs utilisation, causal half of attention; on devices of one kind the ledger's useful share."""
        return self._utilisation(self.flops.needed)

    @property
    def mfu_full(self) -> float:
        """Model FLOPs utilisation, attention counted over the full square, as most papers do."""
        return self._utilisation(self.flops.counted)

    @property
    def mfu(self) -> float:
        """Model FLOPs utilisation by the convention that the scenario names."""
        return self.mfu_causal if self.scenario.report.flop_convention == "causal-attention" else self.mfu_full

    @property
    def mfu_half(self) -> float:
        """Model FLOPs utilisation against the peak of half precision, by the same convention; it may exceed one."""
        return self.mfu * self.peak_flops_per_s / self.half_peak_flops_per_s

    @property
    def hfu_causal(self) -> float:
        """Hardware FLOPs utilisation, recomputation included, causal half of attention."""
        return self._utilisation(self.flops.needed + self.flops.recomputed_needed)

    @property
    def hfu(self) -> float:
        """Hardware FLOPs utilisation, recomputation included, by the same convention."""
        if self.scenario.report.flop_convention == "causal-attention":
            return self.hfu_causal
        return self._utilisation(self.flops.counted + self.flops.recomputed_counted)
