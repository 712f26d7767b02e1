"""The families of models that a config.json may be of: their names, and who reads what the fields of each mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sim.scenario import config_gpt as gpt
from sim.scenario import config_llama as llama
from sim.scenario import config_windows as windows
from sim.scenario.config_fields import Described, ModelConfig
from sim.scenario.config_gemma4 import gemma4


@dataclass(frozen=True, slots=True)
class Family:
    """One architecture: its names in 'architectures' and in 'model_type', and how to read it.

    free: fields of its own that change nothing in what a step costs.
    """

    architectures: tuple[str, ...]
    model_types: tuple[str, ...]
    describe: Callable[[ModelConfig], Described]
    free: tuple[str, ...] = ()


def _family(names: str, types: str, describe: Callable[[ModelConfig], Described], free: str = "") -> Family:
    architectures = tuple(f"{name}ForCausalLM" if name[-1] != "*" else name[:-1] for name in names.split())
    return Family(architectures, tuple(types.split()), describe, tuple(free.split()))


_SUMMARY = "summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj"
_SCORES = "scale_attn_weights scale_attn_by_inverse_layer_idx scale_attention_softmax_in_fp32"
_SOFTMAX = "attention_softmax_in_fp32 masked_softmax_fusion bias_dropout_fusion"
_GPT = f"{_SUMMARY} {_SCORES} {_SOFTMAX}"
_BLOOM = "apply_residual_connection_post_layernorm slow_but_exact skip_bias_add skip_bias_add_qkv offset_alibi"
_MPT = "init_config embedding_fraction logit_scale verbose use_pad_tok_in_ffn fc_type"
_QWEN = (
    "max_position_embeddings bf16 fp16 fp32 onnx_safe use_dynamic_ntk use_flash_attn use_logn_attn rotary_pct"
    " scale_attn_weights"
)
FAMILIES = (
    _family("Apertus Apertus1p5Text", "apertus apertus1p5_text", llama.apertus),
    _family("Arcee", "arcee", llama.ungated),
    _family("Baichuan BaiChuan", "baichuan", llama.baichuan, "model_max_length z_loss_weight"),
    _family("BioGpt", "biogpt", gpt.biogpt, "scale_embedding"),
    _family("Bloom", "bloom", gpt.bloom, f"{_BLOOM} {_SOFTMAX} attention_softmax"),
    _family("CTRLLMHeadModel*", "ctrl", gpt.ctrl, _SUMMARY),
    _family("CodeGen", "codegen", gpt.gptj, f"{_GPT} rotary"),
    _family("Cohere", "cohere", llama.cohere, "logit_scale"),
    _family("Cohere2", "cohere2", windows.cohere2, "logit_scale"),
    _family("Cwm", "cwm", windows.cwm),
    _family("Ernie4_5", "ernie4_5", llama.ernie),
    _family("Exaone", "exaone", llama.exaone),
    _family("Exaone4", "exaone4", windows.exaone4),
    _family("Falcon RW", "falcon RefinedWeb RefinedWebModel", gpt.falcon, "apply_residual_connection_post_layernorm"),
    _family("GPT2LMHeadModel*", "gpt2 gpt-sw3", gpt.gpt2, f"{_SUMMARY} {_SCORES}"),
    _family("GPTBigCode", "gpt_bigcode", gpt.gpt_bigcode, f"{_GPT} attention_softmax_in_fp32 inference_runner"),
    _family("GPTJ", "gptj", gpt.gptj, f"{_SUMMARY} {_SCORES} rotary"),
    _family("GPTNeo", "gpt_neo", gpt.gpt_neo, _SUMMARY),
    _family("GPTNeoX", "gpt_neox", gpt.gpt_neox),
    _family("GPTNeoXJapanese", "gpt_neox_japanese", gpt.gpt_neox_japanese),
    _family("Gemma", "gemma", windows.gemma),
    _family("Gemma2", "gemma2", windows.gemma2),
    _family("Gemma3", "gemma3_text", windows.gemma3),
    _family("Gemma4", "gemma4_text", gemma4),
    _family("Glm", "glm", llama.glm),
    _family("Glm4", "glm4", llama.glm4),
    _family("Granite", "granite", llama.granite, "logits_scaling"),
    _family("Helium", "helium", llama.plain),
    _family("HunYuanDenseV1", "hunyuan_v1_dense", llama.hunyuan),
    _family("HyperCLOVAX", "hyperclovax", llama.hyperclova, "logits_scaling"),
    _family("InternLM InternLM2 InternLM3", "internlm internlm2 internlm3", llama.internlm),
    _family("Jais2", "jais2", llama.jais2),
    _family("Llama Yi Aquila Emu3", "llama Yi aquila emu3_text_model exaone internlm3 iquestcoder", llama.llama),
    _family("MPT Mpt", "mpt", gpt.mpt, _MPT),
    _family("MiniCPM", "minicpm", llama.minicpm, "scale_emb dim_model_base"),
    _family("MiniCPM3", "minicpm3", llama.minicpm3, "scale_emb dim_model_base"),
    _family("Ministral", "ministral", windows.mistral),
    _family("Ministral3", "ministral3", windows.optional_windows),
    _family("Mistral", "mistral", windows.mistral),
    _family("NanoChat", "nanochat", llama.nanochat),
    _family("Nemotron", "nemotron", llama.nemotron),
    _family("OPT", "opt", gpt.opt, "init_std"),
    _family("Olmo", "olmo", llama.olmo, "clip_qkv"),
    _family("Olmo2", "olmo2", llama.olmo2),
    _family("Olmo3", "olmo3", windows.olmo3),
    _family("OpenAIGPTLMHeadModel*", "openai-gpt", gpt.gpt, f"{_SUMMARY} afn"),
    _family("Persimmon", "persimmon", gpt.persimmon),
    _family("Phi", "phi", gpt.phi),
    _family("Phi3", "phi3", windows.phi3),
    _family("QWenLMHeadModel*", "qwen", llama.qwen, _QWEN),
    _family("Qwen2", "qwen2 qwen2_vl qwen2_vl_text qwen2_5_vl qwen2_5_vl_text", windows.qwen2),
    _family("Qwen3", "qwen3 qwen3_vl_text", windows.qwen3),
    _family("SeedOss", "seed_oss", llama.seed_oss),
    _family("SmolLM3", "smollm3", windows.smollm3),
    _family("StableLm StableLMEpoch", "stablelm stablelm_epoch", llama.stablelm),
    _family("Starcoder2", "starcoder2", windows.starcoder2, f"{_SCORES} {_SOFTMAX}"),
    _family("VaultGemma", "vaultgemma", windows.vault_gemma),
    _family("XGLM", "xglm", gpt.xglm, "scale_embedding init_std"),
)
_SIZES = (
    "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
    "num_key_value_heads", "max_position_embeddings",
)  # fmt: skip
_DEFAULT_SIZES = {
    "gemma": (256000, 3072, 24576, 28, 16, 16, 8192),
    "gemma2": (256000, 2304, 9216, 26, 8, 4, 8192),
    "gemma3_text": (262208, 2304, 9216, 26, 8, 4, 131072),
    "llama": (32000, 4096, 11008, 32, 32, 32, 2048),
    "mistral": (32000, 4096, 14336, 32, 32, 8, 131072),
    "qwen2": (151936, 4096, 22016, 32, 32, 32, 32768),
    "qwen3": (151936, 4096, 22016, 32, 32, 32, 32768),
}
DEFAULTS = {name: dict(zip(_SIZES, sizes, strict=True)) for name, sizes in _DEFAULT_SIZES.items()}
"""Sizes of a model type that a file may leave out of its 'text_config'. Source: the configuration classes of the
transformers library."""
