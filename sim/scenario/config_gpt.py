"""Families of config.json from before Llama, and those that keep to their ways: layer norms, MLPs without a gate.

A size must be in the file; a switch that is not there has the default of its architecture's configuration class.
Source: the configuration and modelling files of the transformers library, one pair per architecture.
"""

from __future__ import annotations

from sim.scenario.config_fields import Described, ModelConfig
from sim.scenario.config_layers import count_layers, each_layer, gpt_neo_layers

_BLOOM_SEQUENCE = 2048
"""What BLOOM was trained on (Le Scao et al. 2022, sec. 3.2): ALiBi has no longest sequence, and newer files none."""
_FALCON_SEQUENCE = 2048
"""The default of Falcon's configuration class; older files leave it out."""
_NEO_WINDOW = 256
"""The default of GPT-Neo's configuration class."""


def falcon(config: ModelConfig) -> Described:
    """Attention and MLP in parallel behind one norm, or behind one each; one key/value head, or groups of heads."""
    new, hidden = config.switch("new_decoder_architecture", False), config.size("hidden_size")
    parallel = config.switch("parallel_attn", True) or new
    shared = config.switch("multi_query", True) and not new
    norms = config.optional_size("num_ln_in_parallel_attn") or 2
    grouped = config.optional_size("num_kv_heads")
    biased = config.switch("bias", False)
    return {
        "layers": count_layers(config, "num_hidden_layers"),
        "hidden": hidden,
        "heads": config.size("num_attention_heads"),
        "kv_heads": 1 if shared else grouped,
        "ffn_hidden": config.optional_size("ffn_hidden_size"),
        "vocab": config.size("vocab_size"),
        "max_sequence": config.optional_size("max_position_embeddings") or _FALCON_SEQUENCE,
        "position": "alibi" if config.switch("alibi", False) else "rotary",
        "attention_bias": biased,
        "mlp_bias": biased,
        "parallel_block": parallel,
        "norms_per_layer": 1 if parallel and not (new and norms == 2) else 2,
        "tied_embeddings": config.switch("tie_word_embeddings", True),
        "dropout": config.drops(hidden_dropout=0.0, attention_dropout=0.0),
    }


def gpt2(config: ModelConfig) -> Described:
    """Learned positions, layer norms, biases everywhere, tied embeddings."""
    config.must_be("reorder_and_upcast_attn", False)
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


def gptj(config: ModelConfig) -> Described:
    """One norm feeds attention and MLP at once; the output projection has a bias, attention has none."""
    return gpt2(config) | {
        "position": "rotary",
        "attention_bias": False,
        "output_bias": True,
        "parallel_block": True,
        "norms_per_layer": 1,
        "tied_embeddings": config.switch("tie_word_embeddings", False),
        "dropout": config.drops(resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0),
    }


def _usual_sizes(config: ModelConfig) -> Described:
    """The sizes by the names that most families since GPT-NeoX have for them."""
    return {
        "layers": count_layers(config, "num_hidden_layers"),
        "hidden": config.size("hidden_size"),
        "heads": config.size("num_attention_heads"),
        "ffn_hidden": config.size("intermediate_size"),
        "vocab": config.size("vocab_size"),
        "max_sequence": config.size("max_position_embeddings"),
    }


def gpt_neox(config: ModelConfig) -> Described:
    """Rotary positions; attention and MLP in parallel, each behind its own norm."""
    return {
        **_usual_sizes(config),
        "position": "rotary",
        "attention_bias": config.switch("attention_bias", True),
        "parallel_block": config.switch("use_parallel_residual", True),
        "tied_embeddings": config.switch("tie_word_embeddings", False),
        "dropout": config.drops(
            hidden_dropout=0.0, attention_dropout=0.0, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
        ),
    }


def gpt_neox_japanese(config: ModelConfig) -> Described:
    """Attention, then MLP, without biases but for one vector in the last layer (not counted); tied embeddings."""
    hidden, wider = config.size("hidden_size"), config.size("intermediate_multiple_size")
    return {
        "layers": count_layers(config, "num_hidden_layers"),
        "hidden": hidden,
        "heads": config.size("num_attention_heads"),
        "ffn_hidden": wider * hidden,
        "vocab": config.size("vocab_size"),
        "max_sequence": config.size("max_position_embeddings"),
        "position": "rotary",
        "attention_bias": False,
        "mlp_bias": False,
        "tied_embeddings": config.switch("tie_word_embeddings", True),
        "dropout": config.drops(hidden_dropout=0.0, attention_dropout=0.1),
    }


def opt(config: ModelConfig) -> Described:
    """GPT-2's layers with other names."""
    hidden = config.size("hidden_size", "d_model")
    config.must_be("word_embed_proj_dim", hidden)
    config.must_be("layer_norm_elementwise_affine", True)
    config.must_be("layerdrop", 0)
    before = config.switch("do_layer_norm_before", True)
    biased = config.switch("enable_bias", True)
    return {
        "layers": count_layers(config, "num_hidden_layers"),
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
        "dropout": config.drops(dropout=0.1, attention_dropout=0.0, activation_dropout=0.0),
    }


def bloom(config: ModelConfig) -> Described:
    """ALiBi, and a norm straight after the embedding."""
    return {
        "layers": config.size("n_layer", "num_hidden_layers"),
        "hidden": config.size("hidden_size", "n_embed"),
        "heads": config.size("n_head", "num_attention_heads"),
        "ffn_hidden": config.optional_size("n_inner"),
        "vocab": config.size("vocab_size"),
        "max_sequence": config.optional_size("seq_length") or _BLOOM_SEQUENCE,
        "position": "alibi",
        "embedding_norm": True,
        "tied_embeddings": config.switch("tie_word_embeddings", True),
        "dropout": config.drops(hidden_dropout=0.0, attention_dropout=0.0),
    }


def mpt(config: ModelConfig) -> Described:
    """No biases as a rule; ALiBi, or learned positions."""
    attention = config.table("attn_config")
    attention.must_be("attn_type", "multihead_attention", "multiquery_attention", "grouped_query_attention")
    for switch in ("rope", "qk_ln", "prefix_lm"):
        attention.must_be(switch, False)
    config.table("ffn_config").must_be("ffn_type", "mptmlp")
    config.must_be("norm_type", "layernorm", "low_precision_layernorm")
    heads = config.size("n_heads")
    shared = attention.value("attn_type") == "multiquery_attention"
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


def gpt_bigcode(config: ModelConfig) -> Described:
    """GPT-2 with one key/value head, unless the file says that there are as many as heads."""
    shared = config.switch("multi_query", True)
    config.must_be("num_key_value_heads", 1 if shared else config.size("n_head"))
    return gpt2(config) | {"kv_heads": 1 if shared else None}


def gpt_neo(config: ModelConfig) -> Described:
    """Every other layer slides, as a rule; a bias on the attention output, none on query, key and value."""
    layers, longest = count_layers(config, "num_layers"), config.size("max_position_embeddings")
    local = gpt_neo_layers(config, layers)
    window = config.optional_size("window_size") or _NEO_WINDOW
    return {
        "layers": layers,
        "hidden": config.size("hidden_size"),
        "heads": config.size("num_heads"),
        "ffn_hidden": config.optional_size("intermediate_size"),
        "vocab": config.size("vocab_size"),
        "max_sequence": longest,
        "position": "learned",
        "attention_bias": False,
        "attention_output_bias": True,
        "tied_embeddings": config.switch("tie_word_embeddings", True),
        "dropout": config.drops(resid_dropout=0.0, embed_dropout=0.0, attention_dropout=0.0),
    } | each_layer(config, layers, longest, window, lambda index: local[index])


def phi(config: ModelConfig) -> Described:
    """One norm feeds attention and MLP at once; biases everywhere, on the output projection as well."""
    return {
        "layers": count_layers(config, "num_hidden_layers"),
        "hidden": config.size("hidden_size"),
        "heads": config.size("num_attention_heads"),
        "kv_heads": config.optional_size("num_key_value_heads"),
        "ffn_hidden": config.size("intermediate_size"),
        "vocab": config.size("vocab_size"),
        "max_sequence": config.size("max_position_embeddings"),
        "position": "rotary",
        "output_bias": True,
        "parallel_block": True,
        "norms_per_layer": 1,
        "query_key_norm": "head" if config.switch("qk_layernorm", False) else "none",
        "tied_embeddings": config.switch("tie_word_embeddings", False),
        "dropout": config.drops(resid_pdrop=0.0, embd_pdrop=0.0, attention_dropout=0.0),
    }


def persimmon(config: ModelConfig) -> Described:
    """Biases everywhere but on the output projection; norms of queries and keys, head by head."""
    return {
        **_usual_sizes(config),
        "position": "rotary",
        "query_key_norm": "head" if config.switch("qk_layernorm", True) else "none",
        "tied_embeddings": config.switch("tie_word_embeddings", False),
        "dropout": config.drops(hidden_dropout=0.0, attention_dropout=0.0),
    }


def gpt(config: ModelConfig) -> Described:
    """GPT-2 whose norms stand behind attention and MLP, so that there is none at the end."""
    return gpt2(config) | {"final_norm": False}


def ctrl(config: ModelConfig) -> Described:
    """GPT-2 with positions that are computed, and a bias on the output projection."""
    return gpt2(config) | {
        "ffn_hidden": config.size("dff"),
        "position": "none",
        "output_bias": True,
        "dropout": config.drops(resid_pdrop=0.1, embd_pdrop=0.1),
    }


def xglm(config: ModelConfig) -> Described:
    """OPT with positions that are computed."""
    config.must_be("layerdrop", 0)
    return {
        "layers": count_layers(config, "num_layers"),
        "hidden": config.size("d_model"),
        "heads": config.size("attention_heads"),
        "ffn_hidden": config.size("ffn_dim"),
        "vocab": config.size("vocab_size"),
        "max_sequence": config.size("max_position_embeddings"),
        "position": "none",
        "tied_embeddings": config.switch("tie_word_embeddings", True),
        "dropout": config.drops(dropout=0.1, attention_dropout=0.1, activation_dropout=0.0),
    }


def biogpt(config: ModelConfig) -> Described:
    """OPT with other names."""
    config.must_be("layerdrop", 0)
    return {
        **_usual_sizes(config),
        "position": "learned",
        "tied_embeddings": config.switch("tie_word_embeddings", True),
        "dropout": config.drops(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1, activation_dropout=0.0),
    }
