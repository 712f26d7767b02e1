"""What a config.json may describe that is not simulated: each feature by its name, found by the fields that it has.

A model with such a feature is refused whatever its 'architectures' say, before any name is suggested: without the
feature it would be another model, and its figures wrong without a word.
Source: the configuration and modelling files of the transformers library, and of the models that bring their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sim.errors import InputError, some_of
from sim.scenario.config_fields import ModelConfig

_MOST_NAMED = 8
"""Features in one message."""


@dataclass(frozen=True, slots=True)
class _Feature:
    """Something that is not simulated.

    keys: fields that only a model with it has. families: names that mean it even where such fields are left out.
    elsewhere: it is simulated of families that are known to have it, and told only of a known one without it.
    """

    name: str
    keys: str
    families: str = "(?!)"
    elsewhere: bool = False


_LISTED = "layer_types"
_USUAL = ({"full_attention"}, {"full_attention", "sliding_attention"}, {"sliding_attention"})
_FEATURES = (
    _Feature(
        "an encoder, or attention that is not causal",
        r"is_encoder_decoder|add_cross_attention|use_bidirectional_attention|type_vocab_size|prefix_lm"
        r"|(num_)?(en|de)coder_(layers|attention_heads|ffn_dim)|encoder|relative_attention_num_buckets",
        r"(?!modernbertdecoder).*bert.*|clip.*|siglip.*|electra|bart|mbart|mt5|t5.*|longt5|umt5|xlnet|mpnet|esm|whisper|pegasus|marian",
    ),
    _Feature(
        "a tower for images or sound", r"(vision|audio|image|text|speech)_config|mm_\w+", r".*vl|.*vision.*|llava.*"
    ),
    _Feature(
        "state-space layers",
        r"mamba_\w+|ssm_\w+|state_size|d_state|time_step_(rank|scale|limit)|conv_kernel",
        r".*mamba.*|jamba|bamba|zamba.*|nemotronh|falconh1",
    ),
    _Feature(
        "recurrent layers",
        r"attention_hidden_size|rescale_every|lru_width|wkv_\w+|decay_\w+",
        r".*rwkv.*|recurrentgemma|xlstm",
    ),
    _Feature("short convolutions", r"conv_L_cache|short_conv\w*"),
    _Feature("linear attention", r"linear_\w+|attn_type_list|lightning_\w+|full_attention_interval", "qwen3next"),
    _Feature(
        "layers of several kinds",
        r"attn_layer_(period|offset)|layers_block_type|block_types|block_configs|hybrid_\w+|attention_(layers|types)"
        r"|layer_types|num_attention_heads_per_layer|per_layer_config|num_query_heads",
        "decilm|openelm",
    ),
    _Feature(
        "latent attention (MLA)",
        r"(kv|q)_lora_rank|qk_(rope|nope)_head_dim|v_head_dim",
        elsewhere=True,
    ),
    _Feature("sparse attention", r"index_(topk|n_heads|head_dim)|sparse_\w+|\w+_sparse_attention"),
    _Feature(
        "experts",
        r"(\w+_)?experts?(_\w+)?|(\w+_)?moe(_\w+)?|(\w+_)?router(_\w+)?",
        ".*moe.*|mixtral|dbrx|gptoss|llama4|grok.*|arctic|jetmoe|phi35moe",
    ),
    _Feature("layers that predict further tokens", r"num_nextn_predict_layers|num_mtp\w*|mtp_\w+"),
    _Feature("embeddings of every layer", r"(hidden|vocab)_size_per_layer_input|altup_\w+|laurel_\w+", "gemma3n"),
    _Feature("keys and values that layers share", r"num_kv_shared_layers|attention_k_eq_v|kv_sharing\w*"),
    _Feature("differential attention", r"lambda_(std_dev|init)\w*", "diffllama"),
    _Feature("attention sinks", r"(use_)?(attn_|attention_)?sinks?", "graniteswa"),
    _Feature("attention with a gate of its own", r"use_attention_gate|gating|attn_gate\w*"),
    _Feature("attention across two streams", r"cross_attention_\w+", "mllama"),
    _Feature("a layer of its own before the vocabulary", "decoder_bias", "modernbertdecoder"),
    _Feature("soft-capping of logits", r"\w*soft_?cap\w*", elsewhere=True),
    _Feature("norms of queries and keys", r"(use_)?qk_(layer_?)?norm|qk_(ln|gn)|use_query_key_norm", elsewhere=True),
    _Feature("scaled residuals", r"residual_multiplier|scale_depth|mup_\w+", elsewhere=True),
    _Feature("attention within a window", r"sliding_window(_size)?|(attention_chunk|window)_size", elsewhere=True),
    _Feature("ternary weights", "(?!)", "bitnet"),
    _Feature("quantised weights", r"quantization_config|compression_config"),
)
_HEADS = ("ForCausalLM", "LMHeadModel")
_HEAD = re.compile(r"(ForCausalLM|LMHeadModel|For[A-Z]\w*|Model)$")


def refuse_features(config: ModelConfig, architecture: str, model_type: str, *, read: bool) -> None:
    """Raise InputError that names every feature of a config that is not simulated.

    read: by its family, which knows what its names mean: then only fields that it did not ask for tell of a feature.
    """
    unread = {key: one.fields[key] for one in (config, *config.tables.values()) for key in one.unread()}
    fields = dict(_every(unread if read else config.fields))
    families: set[str] = set() if read else {_family(architecture), _family(model_type)}
    asked = [feature for feature in _FEATURES if read or not feature.elsewhere]
    found = [line for feature in asked if (line := _found(feature, fields, families))]
    head = _HEAD.search(architecture)
    if head and head[1] not in _HEADS and not found:
        found.append(f"'{head[1]}' in the name of its architecture, no head of a causal language model")
    if found:
        remedy = "use a model without; a plain one of the same sizes does other work, and does not stand for it"
        more = f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        raise InputError(config.where, f"{'; '.join(found[:_MOST_NAMED])}{more}: not simulated yet", remedy)


def is_feature(key: str) -> bool:
    """Whether a field is about one of the features: where it got here, it says that there is none."""
    return any(re.fullmatch(feature.keys, key) for feature in _FEATURES)


def _found(feature: _Feature, fields: Mapping[str, Any], families: set[str]) -> str:
    """The feature and the fields that say it; empty where the model is without."""
    keys = [key for key, value in fields.items() if re.fullmatch(feature.keys, key) and _is_on(key, value)]
    if keys:
        return f"{feature.name} ({some_of(keys)})"
    named = sorted(family for family in families if family and re.fullmatch(feature.families, family))
    return f"{feature.name} (of the family '{named[0]}')" if named else ""


def _is_on(key: str, value: object) -> bool:
    """Whether a field says that there is something; a factor of one is none."""
    if key == _LISTED and isinstance(value, list):
        return {str(kind) for kind in value} not in _USUAL
    return value not in (None, False, 0, "", [], {}) and not (key.endswith("multiplier") and value == 1)


def _every(fields: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """All fields, those of tables in the file as well."""
    for key, value in fields.items():
        yield key, value
        if isinstance(value, Mapping) and key != "quantization_config":
            yield from value.items()


def _family(name: str) -> str:
    """A family as architectures and model types alike name it: "Qwen3MoeForCausalLM" and "qwen3_moe" are one."""
    return re.sub(r"[^a-z0-9]", "", _HEAD.sub("", name).lower().removesuffix("_text"))
