"""The families of models that a config.json may be of: what the fields of each mean as those of catalog.Model.

A size must be in the file; a switch that is not there has the default of its architecture's configuration class.
Scales on the embedding, the scores and the logits (Granite, Cohere, Gemma) are read as free: the kernel that makes or
reads the tensor multiplies as it goes. So is how much of a head its rotation turns.
Source: the configuration and modelling files of the transformers library, one pair per architecture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sim.scenario.config_fields import ModelConfig

Described = dict[str, Any]
"""Fields of catalog.Model; None stands for what follows from the others."""
_BLOOM_SEQUENCE = 2048
"""What BLOOM was trained on (Le Scao et al. 2022, sec. 3.2): ALiBi has no longest sequence, and newer files none."""
_FALCON_SEQUENCE = 2048
"""The default of Falcon's configuration class; older files leave it out."""


@dataclass(frozen=True, slots=True)
class Family:
    """One architecture: its name in 'architectures' and in 'model_type', and how to read it.

    free: fields of its own that change nothing in what a step costs.
    """

    architecture: str
    model_type: str
    describe: Callable[[ModelConfig], Described]
    free: tuple[str, ...] = ()


def _llama(config: ModelConfig) -> Described:
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


def _mistral(config: ModelConfig) -> Described:
    """Llama's layers, never with biases."""
    config.must_be("attention_bias", False)
    config.must_be("mlp_bias", False)
    return _llama(config)


def _qwen2(config: ModelConfig) -> Described:
    """Llama's layers with biases on query, key and value only."""
    config.must_be("attention_bias", True)
    config.must_be("mlp_bias", False)
    return _llama(config) | {"attention_bias": True, "attention_output_bias": False}


def _glm4(config: ModelConfig) -> Described:
    """Llama's layers with a norm before and one after attention and MLP, biases on query, key and value at most."""
    config.must_be("mlp_bias", False)
    return _llama(config) | {"norms_per_layer": 4, "attention_output_bias": False}


def _gemma(config: ModelConfig) -> Described:
    """Llama's layers, tied embeddings."""
    config.must_be("mlp_bias", False)
    return _llama(config) | {"tied_embeddings": config.switch("tie_word_embeddings", True)}


def _phi3(config: ModelConfig) -> Described:
    """Llama's layers with query, key and value, and gate and input, as one product each."""
    dropout = config.drops(resid_pdrop=0.0, embd_pdrop=0.0, attention_dropout=0.0)
    return _mistral(config) | {"dropout": dropout}


def _cohere(config: ModelConfig) -> Described:
    """One layer norm without bias feeds attention and a gated MLP at once; tied embeddings."""
    config.must_be("mlp_bias", False)
    return _llama(config) | {
        "norm": "layernorm",
        "norms_per_layer": 1,
        "parallel_block": True,
        "tied_embeddings": config.switch("tie_word_embeddings", True),
    }


def _starcoder2(config: ModelConfig) -> Described:
    """Rotary positions and grouped heads, an MLP without a gate, layer norms, biases everywhere."""
    config.must_be("mlp_type", "default")
    config.must_be("norm_type", "layer_norm")
    biased = config.switch("use_bias", True)
    return _llama(config) | {
        "gated_mlp": False,
        "norm": "layernorm",
        "norm_bias": True,
        "attention_bias": biased,
        "mlp_bias": biased,
        "tied_embeddings": config.switch("tie_word_embeddings", True),
        "dropout": config.drops(residual_dropout=0.0, embedding_dropout=0.0, attention_dropout=0.0),
    }


def _falcon(config: ModelConfig) -> Described:
    """Attention and MLP in parallel behind one norm, or behind one each; one key/value head, or groups of heads."""
    new, hidden = config.switch("new_decoder_architecture", False), config.size("hidden_size")
    parallel = config.switch("parallel_attn", True) or new
    shared = config.switch("multi_query", True) and not new
    norms = config.optional_size("num_ln_in_parallel_attn") or 2
    grouped = config.optional_size("num_kv_heads")
    biased = config.switch("bias", False)
    return {
        "layers": config.size("num_hidden_layers"),
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


def _gpt2(config: ModelConfig) -> Described:
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


def _gptj(config: ModelConfig) -> Described:
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


def _gpt_neox(config: ModelConfig) -> Described:
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
        "dropout": config.drops(
            hidden_dropout=0.0, attention_dropout=0.0, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0
        ),
    }


def _opt(config: ModelConfig) -> Described:
    """GPT-2's layers with other names."""
    hidden = config.size("hidden_size", "d_model")
    config.must_be("word_embed_proj_dim", hidden)
    config.must_be("layer_norm_elementwise_affine", True)
    config.must_be("layerdrop", 0)
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
        "dropout": config.drops(dropout=0.1, attention_dropout=0.0, activation_dropout=0.0),
    }


def _bloom(config: ModelConfig) -> Described:
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


def _mpt(config: ModelConfig) -> Described:
    """No biases as a rule; ALiBi, or learned positions."""
    attention = config.table("attn_config")
    attention.must_be("attn_type", "multihead_attention", "multiquery_attention", "grouped_query_attention")
    attention.must_be("rope", False)
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


_SUMMARY = ("summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj")
_SCORES = ("scale_attn_weights", "scale_attn_by_inverse_layer_idx", "scale_attention_softmax_in_fp32")
_SOFTMAX = ("attention_softmax_in_fp32", "masked_softmax_fusion", "bias_dropout_fusion")
_BLOOM_FREE = ("apply_residual_connection_post_layernorm", "slow_but_exact", "skip_bias_add", "skip_bias_add_qkv")
_MPT_FREE = ("init_config", "embedding_fraction", "logit_scale", "verbose", "use_pad_tok_in_ffn", "fc_type")
FAMILIES = (
    Family("BloomForCausalLM", "bloom", _bloom, (*_BLOOM_FREE, *_SOFTMAX, "offset_alibi", "attention_softmax")),
    Family("CohereForCausalLM", "cohere", _cohere, ("logit_scale",)),
    Family("FalconForCausalLM", "falcon", _falcon, ("apply_residual_connection_post_layernorm",)),
    Family("GPT2LMHeadModel", "gpt2", _gpt2, (*_SUMMARY, *_SCORES)),
    Family("GPTJForCausalLM", "gptj", _gptj, (*_SUMMARY, *_SCORES, "rotary")),
    Family("GPTNeoXForCausalLM", "gpt_neox", _gpt_neox),
    Family("GemmaForCausalLM", "gemma", _gemma),
    Family("Glm4ForCausalLM", "glm4", _glm4),
    Family("GraniteForCausalLM", "granite", _llama, ("logits_scaling",)),
    Family("LlamaForCausalLM", "llama", _llama),
    Family("MPTForCausalLM", "mpt", _mpt, _MPT_FREE),
    Family("MistralForCausalLM", "mistral", _mistral),
    Family("OPTForCausalLM", "opt", _opt, ("init_std",)),
    Family("Phi3ForCausalLM", "phi3", _phi3),
    Family("Qwen2ForCausalLM", "qwen2", _qwen2),
    Family("Starcoder2ForCausalLM", "starcoder2", _starcoder2, (*_SCORES, *_SOFTMAX)),
)
