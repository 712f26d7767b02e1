"""Why a row is not simulated, or not scored: what a source leaves out, and what the simulator cannot do."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Literal, cast

from sim.catalog import NARROW_PRECISIONS, PRECISIONS, load_recipe
from sim.catalog import precision_of as products_of
from sim.errors import DoesNotFit, InputError, ScaletaxError
from sim.validation.conventions import convention_of, device_of, table_devices
from sim.validation.table import Row, unknown_device

_EXPERTS = r"(?i).*(moe|mixtral|deepseek|qwen3.*-a\d+b|llama-?4|gpt-oss|nemotron_3)"
_NOT_LANGUAGE_DECODERS = r"(?i).*(bert|t5|esm|genslm|dall)"
_PRECISIONS = {
    "bfloat16": "bf16", "amp_bf16": "bf16", "bf16-mixed": "bf16", "bf16_mixed": "bf16", "pure_bf16": "bf16",
    "float16": "fp16", "amp_fp16": "fp16", "16-mixed": "fp16", "fp16-mixed": "fp16", "half": "fp16",
    "fp8-cs": "fp8", "fp8-mx": "mxfp8",
}  # fmt: skip
"""Other names of precisions. "fp8-cs": scales of every tensor as it is; "fp8-mx": a scale for 32 numbers."""
Method = Literal["pretrain", "finetune", "lora"]


@dataclass(frozen=True, slots=True)
class Unsupported:
    """A row that is not simulated or not scored, and why.

    general: the reason in words that hold for other rows too, where it names something of this one.
    """

    row: Row
    reason: str
    general: str = ""

    @classmethod
    def refused(cls, row: Row, error: ScaletaxError) -> Unsupported:
        """For what an error says."""
        return cls(row, error.headline, error.general if isinstance(error, (NotSaid, NotScored)) else "")


class NotSaid(InputError):
    """The source lacks what a simulation needs."""

    general = "the source does not say shape, devices or batch"


class PlanNotSaid(NotSaid):
    """The source lacks the plan, and nothing that could be assumed for it is one."""

    general = "the source does not say its plan, and no usual one is possible"


class NotScored(DoesNotFit):
    """Nothing that was assumed for what the source does not say fits."""

    general = "no plan assumed for what the source does not say fits: not scored"


def obstacle(row: Row) -> Unsupported | None:
    """Why a row cannot be simulated at all; None where it can."""
    because = functools.partial(Unsupported, row)
    if row.verified.casefold() == "memory":
        return because("quoted from memory, not read in the source")
    if not is_language_decoder(row):
        return because(f"{row.model} is no decoder-only language model", "no decoder-only language model")
    if has_experts(row):
        return because("mixtures of experts are not simulated yet")
    if not has_rate(row):
        return because("the source gives neither a step time nor a throughput")
    if row.excluded:
        return because(f"set aside: {row.excluded}")
    if splits_sequences(row):
        return because("context parallelism is not simulated yet")
    return _beyond_the_simulator(row) or _beyond_the_catalogue(row)


def _beyond_the_simulator(row: Row) -> Unsupported | None:
    because = functools.partial(Unsupported, row)
    if precision_of(row) not in ("", "bf16", "fp16", *NARROW_PRECISIONS):
        return because(f"precision {row.precision} is not simulated", "a precision that is not simulated")
    offloads = r"(?i)(?<!no )(?<!no cpu )(?<!without )(?<!without cpu )offload"
    if not (row.optimizer_offload or row.offload_layers) and re.search(offloads, row.note):
        return because("the source offloads to the host, and does not say how much")
    return None


def _beyond_the_catalogue(row: Row) -> Unsupported | None:
    if device_of(row) is None:
        return Unsupported(row, unknown_device(row.gpu, table_devices()), "the device is not in the catalogue")
    needed = ("n_gpus", "layers", "d_model", "heads", "seq_len", "global_batch_sequences")
    missing = [key for key in needed if getattr(row, key) is None]
    if missing:
        raise NotSaid(row.id, f"the source does not say {', '.join(missing)}")
    return None


def is_dense_training(row: Row) -> bool:
    """Whether a row says how fast a dense decoder was trained, and was read in its source."""
    return row.verified.casefold() != "memory" and is_language_decoder(row) and not has_experts(row) and has_rate(row)


def is_language_decoder(row: Row) -> bool:
    """Whether its model reads and writes text, token after token."""
    return not re.match(_NOT_LANGUAGE_DECODERS, row.model)


def has_experts(row: Row) -> bool:
    """Whether its model is a mixture of experts."""
    return (row.ep or 1) > 1 or re.match(_EXPERTS, row.model) is not None or "MoE" in row.note[:60]


def splits_sequences(row: Row) -> bool:
    """Whether devices share the tokens of a sequence among them (context parallelism)."""
    return (row.cp or 1) > 1


def method_of(row: Row) -> Method:
    """Whether a model is trained from nothing, or further: in full, or adapters of it."""
    if re.match(r"(?i).*(lora|peft)", row.model) or re.search(r"(?i)lora", row.source):
        return "lora"
    return "finetune" if re.match(r"(?i).*(sft|fine-?tun)", row.model) else "pretrain"


def has_rate(row: Row) -> bool:
    """Whether the source says how long a step takes, how many tokens a second it trains on, or FLOP/s and of what."""
    return row.step_time_s is not None or row.tokens_per_s_per_gpu is not None or has_counted_rate(row)


def has_counted_rate(row: Row) -> bool:
    """Whether the source says at how many FLOP/s it trains, and is known for what it counts."""
    return row.model_tflops_per_gpu is not None and convention_of(row).rate_counts != ""


def measured_step_s(row: Row) -> float | None:
    """Seconds of a step, stated or from the throughput."""
    if row.step_time_s is not None:
        return row.step_time_s
    sizes = (row.tokens_per_s_per_gpu, row.n_gpus, row.global_batch_sequences, row.seq_len)
    if any(size is None for size in sizes):
        return None
    rate, devices, batch, sequence = cast(tuple[float, int, int, int], sizes)
    return batch * sequence / (rate * devices)


def is_narrow(row: Row) -> bool:
    """Whether it multiplies in formats of fewer bits than half precision."""
    return precision_of(row) not in ("", *PRECISIONS)


def precision_of(row: Row) -> str:
    """A row's precision by the name that scenarios use, its recipe's if it has one; as it stands where nothing fits."""
    if row.recipe:
        return products_of(load_recipe(row.recipe, row.id))
    stated = row.precision.casefold()
    return _PRECISIONS.get(stated, stated)
