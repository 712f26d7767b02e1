"""Turns a row of a table into a scenario, and says what had to be assumed for it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from sim.catalog import Model, load_device, load_recipe, load_stack
from sim.errors import InputError, ScaletaxError
from sim.machines import kind_of
from sim.machines.stack_options import choices
from sim.scenario.types import (
    Lora,
    PlanRequest,
    RecipeRequest,
    Report,
    Scenario,
    StackRequest,
    System,
    Training,
    name_of,
)
from sim.validation.clusters import cluster_of
from sim.validation.conventions import Filling, convention_of, device_of, place_of, runs_on
from sim.validation.obstacles import NotSaid, Unsupported, measured_step_s, method_of, obstacle, precision_of
from sim.validation.plans import RequestedPlan, requested_plan
from sim.validation.scripts import Scripted, scripted
from sim.validation.short_memory import SHORT_OF_MEMORY, runs_short_of_memory
from sim.validation.table import Row
from sim.workload.parameters import count_parameters

_MLP_MULTIPLE = 256
"""Widths of gated MLPs are rounded up to it (Touvron et al. 2023)."""


@dataclass(frozen=True, slots=True)
class Case:
    """A measured row as something to simulate.

    assumed: what the source does not say and was taken, in words. open: plan keys that the source is taken to have
    tuned; the fastest setting that fits is looked for. guessed: other plan keys that the source leaves to us.
    """

    row: Row
    scenario: Scenario
    step_time_s: float
    assumed: tuple[str, ...]
    open: tuple[str, ...]
    known: bool
    """Whether the row's source is listed with its stack."""
    guessed: tuple[str, ...] = ()

    @property
    def stack(self) -> str:
        """The name of the software stack that it ran, or is taken to have run."""
        return name_of(self.scenario.system.stack)


def case_of(row: Row, stack: str | None = None) -> Case | Unsupported:
    """What to simulate for a row, or why it cannot be. stack: a guess, instead of the one that sources.toml names."""
    try:
        found = scripted(row)
        return obstacle(found.row) or _scored(_Reading(row, found, stack).case())
    except ScaletaxError as error:
        return Unsupported.refused(row, error)


def _scored(case: Case) -> Case | Unsupported:
    """The case, unless its time is that of an allocator short of memory."""
    short = runs_short_of_memory(case.scenario, device_of(case.row) or "")
    return Unsupported(case.row, SHORT_OF_MEMORY) if short else case


def _switch(stated: int | None) -> bool | None:
    return None if stated is None else bool(stated)


class _Reading:
    """One row on its way to a scenario; collects what is assumed."""

    def __init__(self, stated: Row, found: Scripted, guess: str | None) -> None:
        self.stated, self.found = stated, found
        self.row = row = found.row
        self.device = device_of(row) or ""
        convention = convention_of(row)
        self.convention = convention if guess is None else dataclasses.replace(convention, stack=guess, known=False)
        self.stack: Any = load_stack(self.convention.stack, row.id)
        if not runs_on(self.convention.stack, device_of(row)):
            raise InputError(row.id, f"the stack {self.convention.stack} does not run on the {row.gpu}")
        self.filling = Filling(self.convention)
        self.assumed = self.filling.assumed
        self.assumed += found.filled
        if not self.convention.known:
            self.assumed.append(f"stack {self.convention.stack}")
        if self.convention.device_note:
            self.assumed.append(self.convention.device_note)

    def case(self) -> Case:
        row = self.row
        cluster = cluster_of(row, place_of(row), self.convention.topology)
        self.assumed += cluster.assumed
        model = self._model()
        plan = RequestedPlan(PlanRequest(rule="fixed"))
        if kind_of(self.stack).has_degrees:
            plan = requested_plan(row, self.stack, self.filling)
        precision = self._precision()
        training = Training(
            tokens=float((row.global_batch_sequences or 0) * (row.seq_len or 0)),
            sequence=row.seq_len or 0,
            global_batch=row.global_batch_sequences or 0,
            precision=cast(Any, precision),
            recipe=self._recipe(precision),
            document=self._document(),
            method=method_of(row),
            lora=self._lora(),
        )
        stack = self._stack_request()
        sizes = {**cluster.sizes, **self.found.sizes}
        system = System(row.id, cluster.topology, row.n_gpus or 0, stack, plan.request, sizes=sizes)
        scenario = Scenario(row.id, Path("measurements"), model, training, system, Report())
        measured = measured_step_s(row) or self._step_s_of_rate(model, training)
        return Case(
            self.stated, scenario, measured, tuple(self.assumed), plan.open, self.convention.known, plan.guessed
        )

    def _step_s_of_rate(self, model: Model, training: Training) -> float:
        """Seconds of a step of the FLOPs that the source counts, at the rate that it states."""
        counts = self.convention.rate_counts
        self.assumed.append(
            f"the step of the stated rate, of 6 FLOPs a parameter and token and {counts.replace('-', ' ')}"
        )
        flops = counted_flops(model, training, counts)
        return flops / (1e12 * (self.row.model_tflops_per_gpu or 0.0) * (self.row.n_gpus or 1))

    def _stack_request(self) -> str | StackRequest:
        """The stack, with the options that the run is known to have had otherwise; of a guess, those that it has."""
        row, known = self.row, self.convention.known
        stated: dict[str, tuple[Any, str]] = {
            "cuda_graph": (row.cuda_graph or None, "cuda_graph"),
            "tensor_overlap": (_switch(row.tensor_overlap), "overlap_tensor_exchange"),
        }
        asked: dict[str, Any] = {
            option: value
            for option, (value, figure) in stated.items()
            if value not in (None, getattr(self.stack, figure, None)) and (known or option in choices(self.stack))
        }
        return StackRequest(self.convention.stack, **asked) if asked else self.convention.stack

    def _precision(self) -> str:
        """As stated; else half precision of the kind that the device has."""
        has_bf16 = "bf16" in load_device(self.device).peak_flops_per_s
        return str(self.filling.filled(precision_of(self.row), "precision", "bf16" if has_bf16 else "fp16"))

    def _recipe(self, precision: str) -> RecipeRequest:
        """What the run had otherwise than the recipe that its stack has for the precision."""
        row = self.row
        name = row.recipe or None
        own = load_recipe(name) if name else getattr(self.stack, "recipes", {}).get(precision)
        if own is None or own.quantised is None:
            return RecipeRequest(name)
        narrow = own.quantised.gathers != own.quantised.others
        differs = row.fp8_gather is not None and bool(row.fp8_gather) != narrow
        gathers = (own.products if row.fp8_gather else own.quantised.others).name if differs else None
        return RecipeRequest(name, attention="fp8" if row.fp8_attention else None, gathers=cast(Any, gathers))

    def _document(self) -> int | None:
        """Tokens of the documents that are packed into sequences, as the source's convention has them."""
        if self.convention.document is None or method_of(self.row) == "pretrain":
            return None
        self.assumed.append(f"packed documents of {self.convention.document} tokens")
        return self.convention.document

    def _lora(self) -> Lora | None:
        """The adapters that are trained, as the source's convention has them. Raises NotSaid where it has none."""
        if method_of(self.row) != "lora":
            return None
        if self.convention.lora is None:
            raise NotSaid(self.row.id, "the source does not say which adapters were trained")
        rank, targets = self.convention.lora["rank"], tuple(self.convention.lora["targets"])
        self.assumed.append(f"adapters of rank {rank} on {', '.join(targets)}")
        return Lora(rank, targets)

    def _model(self) -> Model:
        row = self.row
        assert row.layers is not None
        assert row.d_model is not None
        assert row.heads is not None
        assert row.seq_len is not None
        traits = {**self.convention.traits, **self.found.traits}
        vocab, gated = traits.pop("vocab", None), traits.pop("gated_mlp", False)
        if row.vocab is None and vocab is None:
            raise NotSaid(row.id, "the source does not say the vocabulary")
        if row.vocab is None:
            self.assumed.append(f"vocabulary {vocab}")
        if row.gated_mlp is None:
            self.assumed.append("gated MLP" if gated else "MLP without a gate")
        else:
            gated = bool(row.gated_mlp)
        if row.kv_heads is None:
            self.assumed.append("as many key/value heads as heads")
        head_dim = traits.pop("head_dim", row.d_model // row.heads)
        if row.d_model % row.heads and "head_dim" not in self.found.traits:
            self.assumed.append(f"heads of {row.d_model // row.heads}, d_model / heads rounded down")
        return Model(
            name=row.model or row.id,
            layers=row.layers,
            hidden=row.d_model,
            heads=row.heads,
            kv_heads=row.kv_heads or row.heads,
            head_dim=head_dim,
            ffn_hidden=row.d_ffn or self._mlp_width(row.d_model, gated),
            vocab=row.vocab or vocab,
            max_sequence=row.seq_len,
            gated_mlp=gated,
            **traits,
        )

    def _mlp_width(self, hidden: int, gated: bool) -> int:
        """The usual width: 4 x d_model, or 2/3 of it for a gated MLP, whose third matrix makes up for it."""
        if not gated:
            self.assumed.append("MLP width 4 x d_model")
            return 4 * hidden
        width = -(-8 * hidden // 3 // _MLP_MULTIPLE) * _MLP_MULTIPLE
        self.assumed.append(f"MLP width {width}, 8/3 x d_model up to a multiple of {_MLP_MULTIPLE}")
        return width


def counted_flops(model: Model, training: Training, counts: str) -> float:
    """FLOPs of a step as sources count them: six for each parameter, embedding included, and token; and attention.

    counts: "causal-attention" or "full-attention". Source: Chowdhery et al. 2022 (PaLM), appendix B.
    Hand-worked: 10 parameters, 2 tokens of one sequence, 3 layers of width 4: 120 + 12 x 3 x 4 x 2 x 2 = 696, in full.
    """
    tokens = float(training.global_batch * training.sequence)
    attention = 12.0 * model.layers * model.heads * model.head_dim * training.sequence
    share = 0.5 if counts == "causal-attention" else 1.0
    return tokens * (6.0 * count_parameters(model).total + share * attention)
