"""[training]: what is trained on how much, in which steps and formats."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, Field, field_serializer, model_validator

from sim.catalog import optimizer_names, recipe_names
from sim.catalog.precision_records import FusedCasts, WeightCasts
from sim.errors import InputError, some_of
from sim.scenario.amounts import Batch, TokenBudget, batch, token_budget
from sim.scenario.bounds import LARGEST_COUNT
from sim.scenario.offers import OneOf
from sim.scenario.table import (
    NUMBER_OR_TEXT,
    As,
    Count,
    Internal,
    NamedBy,
    Several,
    Table,
    Text,
    like,
    unless,
)


def _all_different(values: tuple[str, ...]) -> tuple[str, ...]:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise InputError("", f"{some_of(repeated)} is there more than once", "write each name once")
    return values


@dataclass(frozen=True, slots=True)
class Lora(Table):
    """[training.lora]. Low-rank adapters: the base weights are frozen."""

    rank: Annotated[Count, like("16")]
    targets: Annotated[
        Several[Literal["query", "key", "value", "qkv", "output", "mlp"]],
        AfterValidator(_all_different),
        like('["query", "value"]'),
    ]


Element = Literal["fp32", "bf16", "fp16"]
Narrow = Literal["bf16", "fp8", "fp8-block", "mxfp8", "nvfp4"]
_Layers = Annotated[int, Field(ge=0, le=LARGEST_COUNT)]
_RECIPE = 'write for example recipe = "bf16-only" (scaletax list recipes), or a table [training.recipe]'


@dataclass(frozen=True, slots=True)
class RecipeRequest(Table):
    """[training.recipe]. What is asked of the formats of training, and what only single uses are to have."""

    name: Annotated[Text | None, OneOf(recipe_names), like('"bf16-only"')] = None
    """Recipe of the catalogue; by default the stack's for the precision."""
    attention: Literal["fp32", "bf16", "fp16", "fp8"] | None = None
    """Format of the products of attention; fp8 with narrow products, on a device whose kernels have it."""
    gradients: Element | None = None
    """Format in which gradients are kept and summed up."""
    reductions: Element | None = None
    """Format in which gradients travel between replicas."""
    master: Literal["fp32", "none"] | None = None
    """Format of the optimizer's own copy of the weights."""
    moments: Literal["fp32", "bf16", "int8"] | None = None
    """Format of the optimizer's moments."""
    weights: Narrow | None = None
    """Format in which weights of narrow products are held beside the optimizer's copy: bf16, or that of the products
    (fp8_param_gather of Megatron)."""
    gathers: Narrow | None = None
    """Format in which they travel between replicas; by default as they are held where a tensor has one scale."""
    exchanges: Narrow | None = None
    """Format in which tensor ranks gather inputs of narrow products."""
    inputs: Narrow | None = None
    """Format in which inputs of narrow products are kept for the backward."""
    weight_gradients: Narrow | None = None
    """Format of the products that make gradients of weights (fp8_wgrad of Megatron)."""
    vocabulary: Narrow | None = None
    """Format of the products of the vocabulary projection (fp8_output_proj of Megatron)."""
    fused_casts: FusedCasts | None = None
    """Which kernels write in a narrow format at once: norms, or activation functions as well."""
    weight_casts: WeightCasts | None = None
    """How often weights are cast: once a step, or for every micro-batch."""
    first_bf16_layers: _Layers | None = None
    """Layers at the start whose products are not narrow (num_layers_at_start_in_bf16 of Megatron)."""
    last_bf16_layers: _Layers | None = None
    """The same at the end (num_layers_at_end_in_bf16)."""

    @property
    def text(self) -> str:
        """As it stands behind a precision: " (recipe bf16, moments int8)"; empty where nothing is asked."""
        given = {"recipe" if use == "name" else use: name for use, name in asdict(self).items() if name is not None}
        return f" ({', '.join(f'{use} {name}' for use, name in given.items())})" if given else ""


@dataclass(frozen=True, slots=True)
class Training(Table):
    """[training]. The recipe: what is trained on how much, in which steps."""

    tokens: Annotated[float, As(token_budget, types=NUMBER_OR_TEXT), like("257e9", '"1.4T"', '"20 per parameter"')]
    """Tokens to train on."""
    # Zero while tokens_per_parameter says it: the parameter count belongs to a room above.
    sequence: Annotated[Count, Field(default=0, examples=["2048"])]
    """Tokens in a sequence; by default as many as the model has."""
    # Zero while the file says nothing.
    global_batch: Annotated[int, As(batch), like('"720 sequences"', '"4M tokens"')]
    """Sequences or tokens per optimizer step."""
    # In sequences; zero while asked_batch_tokens says it.
    precision: Literal["bf16", "fp16", "fp32", "tf32", "fp8", "mxfp8", "nvfp4"] = "bf16"
    """Format of the matrix products; in a narrow one those of the layers alone."""
    optimizer: Annotated[Text, OneOf(optimizer_names), like('"adam"')] = "adam"
    document: Count | None = None
    """Tokens of each document that is packed into sequences, where a fused attention stays inside documents."""
    method: Literal["pretrain", "finetune", "lora"] = "pretrain"
    """lora: low-rank adapters alone are trained, as [training.lora] says."""
    lora: Lora | None = None
    tokens_per_parameter: Internal[float | None] = None
    asked_batch_tokens: Internal[int | None] = None
    """The batch in tokens as it was asked for, where that is no whole number of sequences."""
    recipe: Annotated[RecipeRequest, NamedBy("name", "is no recipe", _RECIPE), unless(RecipeRequest())] = field(
        default=RecipeRequest()
    )

    @model_validator(mode="after")
    def _amounts_by_their_units(self) -> Training:
        """What was read of one key goes to the field of its unit."""
        tokens, size = cast("TokenBudget", self.tokens), cast("Batch", self.global_batch)
        in_tokens = size.unit == "tokens"
        return replace(
            self,
            tokens=tokens.tokens,
            tokens_per_parameter=tokens.per_parameter,
            global_batch=0 if in_tokens else size.count,
            asked_batch_tokens=size.count if in_tokens else None,
        )

    @field_serializer("tokens")
    def _written_tokens(self, tokens: float) -> float | str:
        per_parameter = self.tokens_per_parameter
        return tokens if tokens or per_parameter is None else f"{per_parameter!r} per parameter"

    @field_serializer("global_batch")
    def _written_batch(self, sequences: int) -> str:
        asked = self.asked_batch_tokens
        return f"{sequences} sequences" if asked is None else f"{asked} tokens"
