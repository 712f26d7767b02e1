"""Reads a model from a Hugging Face config.json.

Each architecture has its own names for the same fields. A size must be in the file; a switch that is not
there has the default of its architecture's configuration class.
Source: the configuration and modelling files of the transformers library, one pair per architecture.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sim.catalog import Model
from sim.errors import InputError, shown, unknown_name
from sim.reading import is_file, read_text
from sim.scenario.model_fields import build_model
from sim.scenario.reader import missing_file


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """The fields of one config.json, with checked access."""

    fields: Mapping[str, Any]
    where: str

    def size(self, *names: str) -> int:
        """The whole number under the first of the names that is there. Raises InputError when none is."""
        found = self.optional_size(*names)
        if found is None:
            raise InputError(self.where, f"'{names[0]}' is missing", f"add {' or '.join(names)} to the file")
        return found

    def optional_size(self, *names: str) -> int | None:
        """As size, but None where none of the names is there, or is null."""
        for name in names:
            value = self.fields.get(name)
            if value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(self.where, f"'{name}' is {shown(value)}", "it must be a whole number above zero")
            return value
        return None

    def switch(self, name: str, default: bool) -> bool:
        """A truth value, or its default."""
        value = self.fields.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InputError(self.where, f"'{name}' is {shown(value)}", "it must be true or false")
        return value

    def drops(self, **defaults: float) -> bool:
        """Whether any of the dropout rates (name = default) is above zero."""
        rates = [self.fields.get(name, default) for name, default in defaults.items()]
        return any(isinstance(rate, (int, float)) and rate > 0 for rate in rates)

    def table(self, name: str) -> ModelConfig:
        """A table within the file; empty where it is not there."""
        value = self.fields.get(name)
        return ModelConfig(value if isinstance(value, Mapping) else {}, f"{self.where}: {name}")

    def refuse(self, problem: str, remedy: str) -> InputError:
        """Build the error for an architecture that catalog.Model cannot say."""
        return InputError(self.where, problem, remedy)


def read_model_config(path: Path, name: str | None, where: str) -> Model:
    """Read a model from a config.json.

    name: of the model; None takes the name of the folder that the file is in.
    where: of the key in the scenario file that names this file.
    Raises InputError when the file is not there, is not JSON, or describes something that is not known here.
    """
    if not is_file(path):
        raise missing_file(path, where)
    try:
        fields = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        spot = f"{path}: line {error.lineno}, column {error.colno}"
        raise InputError(spot, f"not JSON: {error.msg}", "is this a Hugging Face config.json?") from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), f"byte {error.start} is not UTF-8", "is this a config.json?") from None
    listed = fields.get("architectures") if isinstance(fields, dict) else None
    if not isinstance(listed, list) or len(listed) != 1 or not isinstance(listed[0], str):
        raise InputError(
            str(path),
            f"'architectures' is {shown(listed)}" if listed else "there is no 'architectures'",
            f"it must name one of {', '.join(sorted(ARCHITECTURES))}",
        )
    if listed[0] not in ARCHITECTURES:
        raise unknown_name(str(path), "architecture", listed[0], ARCHITECTURES)
    described = ARCHITECTURES[listed[0]](ModelConfig(fields, str(path)))
    known = {key: value for key, value in described.items() if value is not None}
    return build_model({"name": name or path.resolve().parent.name, **known}, str(path))


def _llama(config: ModelConfig) -> dict[str, Any]:
    """Gated MLP, RMS norms without bias, rotary positions, grouped heads."""
    return {
        "layers": config.size("num_hidden_layers"),
        "hidden": config.size("hidden_size"),
        "heads": config.size("num_attention_heads"),
        "kv_heads": config.optional_size("num_key_value_heads"),
        "head_dim": config.optional_size("head_dim"),
        "ffn_hidden": config.size("intermediate_size"),
        "vocab": config.size("vocab_size"),
        "max_sequence": config.size("max_position_embeddings"),
        "gated_mlp": True,
        "position": "rotary",
        "norm": "rmsnorm",
        "norm_bias": False,
        "attention_bias": config.switch("attention_bias", False),
        "mlp_bias": config.switch("mlp_bias", False),
        "tied_embeddings": config.switch("tie_word_embeddings", False),
        "dropout": config.drops(attention_dropout=0.0),
    }


def _mistral(config: ModelConfig) -> dict[str, Any]:
    """Llama's layers, never with biases; attention within a window is not simulated."""
    described = _llama(config) | {"attention_bias": False, "mlp_bias": False}
    _refuse_window(config, described["max_sequence"])
    return described


def _qwen2(config: ModelConfig) -> dict[str, Any]:
    """Llama's layers with biases on query, key and value only."""
    described = _llama(config) | {"attention_bias": True, "attention_output_bias": False, "mlp_bias": False}
    if config.switch("use_sliding_window", False):
        _refuse_window(config, described["max_sequence"])
    return described


def _refuse_window(config: ModelConfig, longest: int) -> None:
    window = config.optional_size("sliding_window")
    if window is not None and window < longest:
        raise config.refuse(
            f"attention within a window of {window} of {longest} tokens is not simulated",
            f'set "sliding_window": null, or "max_position_embeddings": {window}, in a copy of the file',
        )


def _gpt2(config: ModelConfig) -> dict[str, Any]:
    """Learned positions, layer norms, biases everywhere, tied embeddings."""
    return {
        "layers": config.size("n_layer"),
        "hidden": config.size("n_embd"),
        "heads": config.size("n_head"),
        "ffn_hidden": config.optional_size("n_inner"),
        "vocab": config.size("vocab_size"),
        "max_sequence": config.size("n_positions", "n_ctx"),
        "position": "learned",
        "tied_embeddings": config.switch("tie_word_embeddings", True),
        "dropout": config.drops(resid_pdrop=0.1, embd_pdrop=0.1, attn_pdrop=0.1),
    }


def _gptj(config: ModelConfig) -> dict[str, Any]:
    """One norm feeds attention and MLP at once; the output projection has a bias, attention has none."""
    return _gpt2(config) | {
        "position": "rotary",
        "attention_bias": False,
        "output_bias": True,
        "parallel_block": True,
        "norms_per_layer": 1,
        "tied_embeddings": config.switch("tie_word_embeddings", False),
        "dropout": config.drops(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0),
    }


def _gpt_neox(config: ModelConfig) -> dict[str, Any]:
    """Rotary positions; attention and MLP in parallel, each behind its own norm."""
    return {
        "layers": config.size("num_hidden_layers"),
        "hidden": config.size("hidden_size"),
        "heads": config.size("num_attention_heads"),
        "ffn_hidden": config.size("intermediate_size"),
        "vocab": config.size("vocab_size"),
        "max_sequence": config.size("max_position_embeddings"),
        "position": "rotary",
        "attention_bias": config.switch("attention_bias", True),
        "parallel_block": config.switch("use_parallel_residual", True),
        "tied_embeddings": config.switch("tie_word_embeddings", False),
        "dropout": config.drops(hidden_dropout=0.0, attention_dropout=0.0),
    }


def _opt(config: ModelConfig) -> dict[str, Any]:
    """GPT-2's layers with other names."""
    hidden = config.size("hidden_size", "d_model")
    projected = config.optional_size("word_embed_proj_dim")
    if projected not in (None, hidden):
        raise config.refuse(
            f"an embedding of width {projected} projected to {hidden} is not simulated",
            "use a model whose word_embed_proj_dim is its hidden_size",
        )
    before = config.switch("do_layer_norm_before", True)
    biased = config.switch("enable_bias", True)
    return {
        "layers": config.size("num_hidden_layers"),
        "hidden": hidden,
        "heads": config.size("num_attention_heads"),
        "ffn_hidden": config.size("ffn_dim"),
        "vocab": config.size("vocab_size"),
        "max_sequence": config.size("max_position_embeddings"),
        "position": "learned",
        "final_norm": before and not config.switch("_remove_final_layer_norm", False),
        "attention_bias": biased,
        "mlp_bias": biased,
        "tied_embeddings": config.switch("tie_word_embeddings", True),
        "dropout": config.drops(dropout=0.1, attention_dropout=0.0),
    }


def _bloom(config: ModelConfig) -> dict[str, Any]:
    """ALiBi, and a norm straight after the embedding."""
    return {
        "layers": config.size("n_layer", "num_hidden_layers"),
        "hidden": config.size("hidden_size", "n_embed"),
        "heads": config.size("n_head", "num_attention_heads"),
        "ffn_hidden": config.optional_size("n_inner"),
        "vocab": config.size("vocab_size"),
        "max_sequence": config.size("seq_length"),
        "position": "alibi",
        "embedding_norm": True,
        "tied_embeddings": config.switch("tie_word_embeddings", True),
        "dropout": config.drops(hidden_dropout=0.0, attention_dropout=0.0),
    }


def _mpt(config: ModelConfig) -> dict[str, Any]:
    """No biases as a rule; ALiBi, or learned positions."""
    attention = config.table("attn_config")
    heads = config.size("n_heads")
    shared = attention.fields.get("attn_type") == "multiquery_attention"
    biased = not config.switch("no_bias", True)
    learned = "learned" if config.switch("learned_pos_emb", True) else "none"
    return {
        "layers": config.size("n_layers"),
        "hidden": config.size("d_model"),
        "heads": heads,
        "kv_heads": 1 if shared else attention.optional_size("kv_n_heads"),
        "ffn_hidden": config.size("expansion_ratio") * config.size("d_model"),
        "vocab": config.size("vocab_size"),
        "max_sequence": config.size("max_seq_len"),
        "position": "alibi" if attention.switch("alibi", True) else learned,
        "norm_bias": biased,
        "attention_bias": biased,
        "mlp_bias": biased,
        "tied_embeddings": config.switch("tie_word_embeddings", True),
        "dropout": config.drops(resid_pdrop=0.0, emb_pdrop=0.0) or attention.drops(attn_pdrop=0.0),
    }


ARCHITECTURES: Mapping[str, Callable[[ModelConfig], dict[str, Any]]] = MappingProxyType(
    {
        "BloomForCausalLM": _bloom,
        "GPT2LMHeadModel": _gpt2,
        "GPTJForCausalLM": _gptj,
        "GPTNeoXForCausalLM": _gpt_neox,
        "LlamaForCausalLM": _llama,
        "MPTForCausalLM": _mpt,
        "MistralForCausalLM": _mistral,
        "OPTForCausalLM": _opt,
        "Qwen2ForCausalLM": _qwen2,
    }
)
