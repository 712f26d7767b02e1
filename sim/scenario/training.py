"""[training]: what is trained on how much, in which steps and formats."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, Field, field_serializer, model_validator

from sim.catalog import optimizer_names, recipe_names
from sim.errors import InputError, some_of
from sim.scenario.amounts import Batch, TokenBudget, batch, token_budget
from sim.scenario.offers import OneOf
from sim.scenario.table import NUMBER_OR_TEXT, As, Count, Internal, NamedBy, Several, Table, Text, like, unless


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
_RECIPE = 'write for example recipe = "bf16-only" (scaletax list recipes), or a table [training.recipe]'


@dataclass(frozen=True, slots=True)
class RecipeRequest(Table):
    """[training.recipe]. What is asked of the formats of training, and what only single uses are to have."""

    name: Annotated[Text | None, OneOf(recipe_names), like('"bf16-only"')] = None
    """Recipe of the catalogue; by default the stack's for the precision."""
    attention: Element | None = None
    """Format of the products of attention."""
    gradients: Element | None = None
    """Format in which gradients are kept and summed up."""
    reductions: Element | None = None
    """Format in which gradients travel between replicas."""
    master: Literal["fp32", "none"] | None = None
    """Format of the optimizer's own copy of the weights."""
    moments: Literal["fp32", "bf16", "int8"] | None = None
    """Format of the optimizer's moments."""

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
    precision: Literal["bf16", "fp16", "fp32", "tf32"] = "bf16"
    """Format of the matrix products."""
    optimizer: Annotated[Text, OneOf(optimizer_names), like('"adam"')] = "adam"
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
