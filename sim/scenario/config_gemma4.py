"""Gemma 4's config.json: layers that do not slide have heads of their own, and may make values of their keys.

Source: the transformers library, configuration_gemma4.py and modeling_gemma4.py. A scale behind every layer is read as
free: the kernel that adds to the residual stream multiplies as it goes.
"""

from __future__ import annotations

from collections.abc import Mapping

from sim.errors import InputError, shown
from sim.scenario.config_fields import Described, ModelConfig
from sim.scenario.config_layers import count_layers, each_layer
from sim.scenario.config_windows import gemma

_FULL = "full_attention"
_OVERRIDES = {"head_dim": "global_head_dim", "num_key_value_heads": "global_kv_heads"}


def gemma4(config: ModelConfig) -> Described:
    """Norms before and after attention and MLP, of queries, keys and values; five of six layers slide."""
    borrowing = config.optional_count("num_kv_shared_layers", 0)
    double = config.switch("use_double_wide_mlp", False) and borrowing > 0
    embedding = config.optional_count("hidden_size_per_layer_input", 256)
    entries = config.optional_size("vocab_size_per_layer_input") or 262144
    # Images alone may be read in both directions.
    config.must_be("use_bidirectional_attention", "vision")
    layers, window = count_layers(config, "num_hidden_layers"), config.optional_size("sliding_window") or 512
    last = config.value("layer_types")
    if isinstance(last, list) and last and last[-1] != _FULL:
        problem = f"the last of 'layer_types' is {shown(last[-1])}"
        raise InputError(config.where, problem, f"write {_FULL}: the last layer of this family always reaches all")
    described = gemma(config) | {
        "norms_per_layer": 4,
        "query_key_norm": "head",
        "value_norm": True,
        "logit_softcap": config.is_set("final_logit_softcapping", None),
        "layer_embedding": embedding or None,
        "layer_vocab": entries if embedding else None,
        "borrowing_ffn_hidden": 2 * config.size("intermediate_size") if double else None,
        "keys_are_values": config.switch("attention_k_eq_v", False),
    }
    runs = each_layer(
        config, layers, None, window, lambda index: (index + 1) % 6 > 0 and index < layers - 1, borrowing=borrowing
    )
    return described | runs | _heads_that_reach_all(config, layers)


def _heads_that_reach_all(config: ModelConfig, layers: int) -> Described:
    """Heads of the layers that do not slide: of every such layer by its number, or by names of their own."""
    written = config.value("per_layer_config")
    if written is None:
        shared = config.switch("attention_k_eq_v", False)
        kv_heads = config.optional_size("num_global_key_value_heads")
        head_dim = config.optional_size("global_head_dim") or 512
        return {"global_head_dim": head_dim, "global_kv_heads": kv_heads if shared else None}
    kinds = config.value("layer_types") or [_FULL if (index + 1) % 6 == 0 else "" for index in range(layers)]
    every = list(written.values()) if isinstance(written, Mapping) else []
    numbers = sorted(str(index).lstrip("0") or "0" for index in written) if every else []
    expected = sorted(str(index) for index, kind in enumerate(kinds) if kind == _FULL or index == layers - 1)
    same = all(one == every[0] for one in every) and isinstance(every[0], Mapping) if every else False
    if numbers != expected or not same or every[0].keys() - _OVERRIDES.keys():
        problem = f"layers of several kinds ('per_layer_config' is {shown(written)}): not simulated yet"
        remedy = "simulated: the same head_dim and num_key_value_heads for every layer that does not slide"
        raise InputError(config.where, problem, remedy)
    own = ModelConfig(every[0], f"{config.where}: per_layer_config")
    return {field: own.optional_size(name) for name, field in _OVERRIDES.items()}
