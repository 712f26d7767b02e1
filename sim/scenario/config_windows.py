"""Families of config.json some of whose layers may attend within a window.

Where a file leaves its window out, the default of its architecture's configuration class holds, as it does where
weights are loaded. Source: the configuration files of the transformers library.
"""

from __future__ import annotations

from collections.abc import Callable

from sim.scenario.config_fields import Described, ModelConfig
from sim.scenario.config_layers import each_layer, flags
from sim.scenario.config_llama import cohere, llama, olmo2, plain, soft_caps

_WINDOW = 4096
"""The default of Mistral's configuration class, and of most after it."""


def mistral(config: ModelConfig) -> Described:
    """Llama's layers without biases; all slide unless the file says that there is no window."""
    return _windows(config, plain(config), _WINDOW, _all)


def optional_windows(config: ModelConfig) -> Described:
    """The same; all slide where the file has a window."""
    return _windows(config, plain(config), None, _all)


def qwen2(config: ModelConfig) -> Described:
    """Biases on query, key and value only; layers from some number on slide where the file asks for it."""
    config.must_be("attention_bias", True)
    config.must_be("mlp_bias", False)
    return _qwen_windows(config, llama(config) | {"attention_bias": True, "attention_output_bias": False})


def qwen3(config: ModelConfig) -> Described:
    """Norms of queries and keys, head by head; windows as Qwen 2 has them."""
    config.must_be("mlp_bias", False)
    found = llama(config) | {"query_key_norm": "head"}
    return _qwen_windows(config, found | {"head_dim": found["head_dim"] or 128})


def _qwen_windows(config: ModelConfig, found: Described) -> Described:
    first = config.optional_count("max_window_layers", 28)
    if not config.switch("use_sliding_window", False):
        config.optional_size("sliding_window")  # without effect then
        return found
    return _windows(config, found, _WINDOW, lambda index: index >= first)


def gemma(config: ModelConfig) -> Described:
    """Llama's layers, tied embeddings, wide heads."""
    config.must_be("mlp_bias", False)
    found = llama(config)
    tied = config.switch("tie_word_embeddings", True)
    return found | {"tied_embeddings": tied, "head_dim": found["head_dim"] or 256}


def vault_gemma(config: ModelConfig) -> Described:
    """Gemma 2 without its norms behind attention and MLP."""
    found = gemma(config) | soft_caps(config, 50.0, 30.0)
    return _windows(config, found, _WINDOW, lambda index: index % 2 == 0)


def gemma2(config: ModelConfig) -> Described:
    """A norm before and one after attention and MLP, soft caps, every other layer slides."""
    config.must_be("use_bidirectional_attention", False)
    return vault_gemma(config) | {"norms_per_layer": 4}


def gemma3(config: ModelConfig) -> Described:
    """Gemma 2 with norms of queries and keys in place of soft caps; five of six layers slide."""
    config.must_be("use_bidirectional_attention", False)
    found = gemma(config) | soft_caps(config, None, None) | {"norms_per_layer": 4, "query_key_norm": "head"}
    every = config.optional_size("sliding_window_pattern", "_sliding_window_pattern") or 6
    return _windows(config, found, _WINDOW, _but_every(every))


def phi3(config: ModelConfig) -> Described:
    """Query, key and value, and gate and input, as one product each; all layers slide where there is a window."""
    dropout = config.drops(resid_pdrop=0.0, embd_pdrop=0.0, attention_dropout=0.0)
    return optional_windows(config) | {"dropout": dropout}


def olmo3(config: ModelConfig) -> Described:
    """OLMo 2, of which three of four layers slide."""
    found = olmo2(config)
    return _windows(config, found, _WINDOW, _but_every(4))


def cohere2(config: ModelConfig) -> Described:
    """Three of four layers slide, and only they rotate."""
    config.must_be("use_qk_norm", False)
    found, every = cohere(config), config.optional_size("sliding_window_pattern") or 4
    return _windows(config, found, _WINDOW, _but_every(every), lambda index, sliding: sliding)


def exaone4(config: ModelConfig) -> Described:
    """Norms behind attention and MLP, and of queries and keys; where some layers slide, only those rotate."""
    found, every = plain(config) | {"query_key_norm": "head"}, config.value("sliding_window_pattern")
    every = len(every) if isinstance(every, str) else config.optional_size("sliding_window_pattern") or 4
    has_window = _window(config, _WINDOW) is not None
    return _windows(config, found, _WINDOW, _but_every(every), lambda index, sliding: sliding or not has_window)


def smollm3(config: ModelConfig) -> Described:
    """Every fourth layer does not rotate, and slides where the file asks for it."""
    found = llama(config) | {"tied_embeddings": config.switch("tie_word_embeddings", True)}
    every, layers = config.optional_size("no_rope_layer_interval") or 4, found["layers"]
    rotated = flags(config, "no_rope_layers", layers) or [_but_every(every)(index) for index in range(layers)]
    window = config.optional_size("sliding_window") if config.switch("use_sliding_window", False) else None
    return found | each_layer(
        config, layers, found["max_sequence"], window, lambda index: not rotated[index], lambda index, _: rotated[index]
    )


def cwm(config: ModelConfig) -> Described:
    """The first of every four layers reaches all, the others slide."""
    found = plain(config)
    return _windows(config, found, 8192, lambda index: index % 4 > 0)


def starcoder2(config: ModelConfig) -> Described:
    """Rotary positions and grouped heads, an MLP without a gate, layer norms, biases everywhere."""
    config.must_be("mlp_type", "default")
    config.must_be("norm_type", "layer_norm")
    biased = config.switch("use_bias", True)
    found = llama(config) | {
        "gated_mlp": False,
        "norm": "layernorm",
        "norm_bias": True,
        "attention_bias": biased,
        "mlp_bias": biased,
        "tied_embeddings": config.switch("tie_word_embeddings", True),
        "dropout": config.drops(residual_dropout=0.0, embedding_dropout=0.0, attention_dropout=0.0),
    }
    return _windows(config, found, None, _all)


def _windows(
    config: ModelConfig,
    found: Described,
    default: int | None,
    slides: Callable[[int], bool],
    rotated: Callable[[int, bool], bool] = lambda index, sliding: True,
) -> Described:
    """A description with its windows. default: the class's, where the file has none; the others as for each_layer."""
    window = _window(config, default)
    return found | each_layer(config, found["layers"], found["max_sequence"], window, slides, rotated)


def _window(config: ModelConfig, default: int | None) -> int | None:
    """The window of the layers that slide: null in the file is none, and left out the default."""
    return config.optional_size("sliding_window") if "sliding_window" in config.fields else default


def _all(index: int) -> bool:
    return True


def _but_every(count: int) -> Callable[[int], bool]:
    """All layers but each last of so many."""
    return lambda index: (index + 1) % count > 0
