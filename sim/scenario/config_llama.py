"""Families of config.json that descend from Llama: rotary positions, grouped heads, as a rule RMS norms and a gate.

A size must be in the file; a switch that is not there has the default of its architecture's configuration class.
Scales on the embedding, the scores and the logits (Granite, Cohere, Gemma) are read as free: the kernel that makes or
reads the tensor multiplies as it goes. So are how much of a head its rotation turns, and bounds on queries and keys.
Source: the configuration and modelling files of the transformers library, one pair per architecture; of families that
bring their own, those beside their weights.
"""

from __future__ import annotations

from sim.scenario.config_fields import Described, ModelConfig
from sim.scenario.config_layers import count_layers, each_layer


def llama(
    config: ModelConfig,
    layers: tuple[str, ...] = ("num_hidden_layers",),
    longest: tuple[str, ...] = ("max_position_embeddings",),
) -> Described:
    """Gated MLP, RMS norms without bias, rotary positions, grouped heads. layers, longest: what the file calls them."""
    count = count_layers(config, *layers)
    return each_layer(config, count, None, None, lambda index: False) | {
        "layers": count,
        "hidden": config.size("hidden_size"),
        "heads": config.size("num_attention_heads"),
        "kv_heads": config.optional_size("num_key_value_heads"),
        "head_dim": config.optional_size("head_dim"),
        "ffn_hidden": config.size("intermediate_size"),
        "vocab": config.size("vocab_size"),
        "max_sequence": config.size(*longest),
        "gated_mlp": True,
        "position": "rotary",
        "norm": "rmsnorm",
        "norm_bias": False,
        "attention_bias": config.switch("attention_bias", False),
        "mlp_bias": config.switch("mlp_bias", False),
        "tied_embeddings": config.switch("tie_word_embeddings", False),
        "dropout": config.drops(attention_dropout=0.0),
    }


def plain(config: ModelConfig) -> Described:
    """Llama's layers, never with biases."""
    config.must_be("attention_bias", False)
    config.must_be("mlp_bias", False)
    return llama(config)


def qwen(config: ModelConfig) -> Described:
    """Biases on query, key and value only; gate and input are each half as wide as the file says."""
    found = llama(config, longest=("seq_length",))
    config.must_be("no_bias", True)
    config.must_be("kv_channels", found["hidden"] // found["heads"])
    return found | {
        "ffn_hidden": found["ffn_hidden"] // 2,
        "attention_bias": True,
        "attention_output_bias": False,
        "dropout": config.drops(attn_dropout_prob=0.0, emb_dropout_prob=0.0),
    }


def glm(config: ModelConfig) -> Described:
    """Biases on query, key and value, unless the file says that there are none."""
    config.must_be("mlp_bias", False)
    return llama(config) | {
        "attention_bias": config.switch("attention_bias", True),
        "attention_output_bias": False,
    }


def glm4(config: ModelConfig) -> Described:
    """A norm before and one after attention and MLP, biases on query, key and value at most."""
    config.must_be("mlp_bias", False)
    return llama(config) | {"norms_per_layer": 4, "attention_output_bias": False}


def olmo(config: ModelConfig) -> Described:
    """Layer norms without weights."""
    config.must_be("mlp_bias", False)
    return llama(config) | {"norm": "layernorm", "norm_weight": False}


def olmo2(config: ModelConfig) -> Described:
    """Norms behind attention and MLP alone, and of all queries and all keys."""
    config.must_be("mlp_bias", False)
    return llama(config) | {"query_key_norm": "heads"}


def cohere(config: ModelConfig) -> Described:
    """One layer norm without bias feeds attention and a gated MLP at once; tied embeddings."""
    config.must_be("mlp_bias", False)
    return llama(config) | {
        "norm": "layernorm",
        "norms_per_layer": 1,
        "parallel_block": True,
        "query_key_norm": "heads" if config.switch("use_qk_norm", False) else "none",
        "tied_embeddings": config.switch("tie_word_embeddings", True),
    }


def granite(config: ModelConfig) -> Described:
    """A constant multiplies what is added to the residual stream, unless it is one."""
    scaled = config.is_set("residual_multiplier", None) and config.value("residual_multiplier") != 1
    return llama(config) | {"scaled_residuals": scaled}


def hyperclova(config: ModelConfig) -> Described:
    """Granite with a norm after attention and MLP as well."""
    return granite(config) | {"norms_per_layer": 4 if config.switch("use_post_norm", False) else 2}


def minicpm(config: ModelConfig) -> Described:
    """A constant multiplies what is added to the residual stream; tied embeddings."""
    tied = config.switch("tie_word_embeddings", True)
    return plain(config) | {"scaled_residuals": config.is_set("scale_depth", 1.0), "tied_embeddings": tied}


def minicpm3(config: ModelConfig) -> Described:
    """The same with latent attention."""
    scaled, tied = config.is_set("scale_depth", 1.4), config.switch("tie_word_embeddings", True)
    return llama(config) | {"scaled_residuals": scaled, "tied_embeddings": tied} | latent_attention(config)


def ernie(config: ModelConfig) -> Described:
    """One switch for all biases; tied embeddings."""
    biased = config.switch("use_bias", False)
    tied = config.switch("tie_word_embeddings", True)
    return llama(config) | {"attention_bias": biased, "mlp_bias": biased, "tied_embeddings": tied}


def hunyuan(config: ModelConfig) -> Described:
    """Norms of queries and keys, head by head."""
    config.must_be("mlp_bias", False)
    config.must_be("use_qk_norm", True)
    return llama(config) | {"query_key_norm": "head"}


def seed_oss(config: ModelConfig) -> Described:
    """Biases on query, key and value."""
    return llama(config) | {
        "attention_bias": config.switch("attention_bias", True),
        "attention_output_bias": config.switch("attention_out_bias", False),
        "dropout": config.drops(attention_dropout=0.1, residual_dropout=0.1),
    }


def apertus(config: ModelConfig) -> Described:
    """An MLP without a gate, whose activation has two weights (not counted), and norms of queries and keys."""
    config.must_be("mlp_bias", False)
    config.must_be("output_vocab_size", config.size("vocab_size"))
    return llama(config) | {"gated_mlp": False, "query_key_norm": "head"}


def ungated(config: ModelConfig) -> Described:
    """An MLP without a gate."""
    return llama(config) | {"gated_mlp": False}


def nemotron(config: ModelConfig) -> Described:
    """An MLP without a gate, and layer norms."""
    return ungated(config) | {"norm": "layernorm", "norm_bias": True}


def jais2(config: ModelConfig) -> Described:
    """The same with biases everywhere."""
    return nemotron(config) | {
        "attention_bias": config.switch("attention_bias", True),
        "mlp_bias": config.switch("mlp_bias", True),
    }


def nanochat(config: ModelConfig) -> Described:
    """No gate, norms without weights also of queries and keys and straight after the embedding, capped logits."""
    config.must_be("mlp_bias", False)
    own = {"gated_mlp": False, "norm_weight": False, "query_key_norm": "head", "embedding_norm": True}
    return llama(config) | own | soft_caps(config, None, 15.0)


def stablelm(config: ModelConfig) -> Described:
    """Layer norms; biases on query, key and value at most; attention and MLP may stand side by side behind one norm."""
    config.must_be("attention_bias", False)
    parallel = config.switch("use_parallel_residual", False)
    return plain(config) | {
        "norm": "layernorm",
        "norm_bias": True,
        "norms_per_layer": 1 if parallel else 2,
        "parallel_block": parallel,
        "attention_bias": config.switch("use_qkv_bias", False),
        "attention_output_bias": False,
        "query_key_norm": "heads" if config.switch("qk_layernorm", False) else "none",
        "dropout": config.drops(hidden_dropout=0.0, attention_dropout=0.0),
    }


def internlm(config: ModelConfig) -> Described:
    """One switch for the biases of attention."""
    config.must_be("attention_bias", False)
    biased = config.switch("bias", config.value("model_type") == "internlm")
    into = biased or config.switch("qkv_bias", False)
    return plain(config) | {"attention_bias": into, "attention_output_bias": biased}


def baichuan(config: ModelConfig) -> Described:
    """Without biases; ALiBi in place of rotary positions where the file has no longest sequence of those (13B)."""
    rotary = config.optional_size("max_position_embeddings") is not None
    found = llama(config, longest=("max_position_embeddings", "model_max_length"))
    return found | {"position": "rotary" if rotary else "alibi"}


def exaone(config: ModelConfig) -> Described:
    """Llama's layers under other names."""
    return llama(config, layers=("num_layers", "num_hidden_layers")) | {
        "dropout": config.drops(attention_dropout=0.0, embed_dropout=0.0)
    }


def soft_caps(config: ModelConfig, scores: float | None, logits: float | None) -> Described:
    """Whether scores and logits are capped; null in the file is no, and left out the default."""
    return {
        "attention_softcap": config.is_set("attn_logit_softcapping", scores),
        "logit_softcap": config.is_set("final_logit_softcapping", logits),
    }


def latent_attention(config: ModelConfig) -> Described:
    """Latent widths, and what a head has of each part. 'head_dim' is there what is rotated of a head."""
    heads, rotated = config.size("num_attention_heads"), config.size("qk_rope_head_dim")
    head_dim = config.size("qk_nope_head_dim") + rotated
    config.must_be("num_key_value_heads", heads)
    config.must_be("head_dim", rotated)
    config.must_be("qk_head_dim", head_dim)
    whole = "q_lora_rank" in config.fields and config.value("q_lora_rank") is None
    return {
        "head_dim": head_dim,
        "kv_heads": heads,
        "value_head_dim": config.optional_size("v_head_dim") or config.size("hidden_size") // heads,
        "query_rank": None if whole else config.size("q_lora_rank"),
        "key_value_rank": config.size("kv_lora_rank"),
        "rotary_head_dim": rotated,
    }
