"""Models from a Hugging Face config.json: the counts of published models, and every refusal.

The fields are those of the models' public configuration files; the counts are those of their weights.
"""

from __future__ import annotations

import collections
import csv
import json
from pathlib import Path

import pytest

from sim.errors import InputError
from sim.scenario.config_families import FAMILIES
from sim.scenario.config_features import is_feature
from sim.scenario.model_config import read_model_config
from sim.workload.kinds import model_runs
from sim.workload.parameters import count_parameters

LLAMA_2_7B = {
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "max_position_embeddings": 4096,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 32,
    "tie_word_embeddings": False,
    "vocab_size": 32000,
}
MISTRAL_7B = LLAMA_2_7B | {
    "architectures": ["MistralForCausalLM"],
    "intermediate_size": 14336,
    "max_position_embeddings": 32768,
    "num_key_value_heads": 8,
    "sliding_window": None,
}
QWEN2_7B = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "max_position_embeddings": 131072,
    "num_attention_heads": 28,
    "num_hidden_layers": 28,
    "num_key_value_heads": 4,
    "sliding_window": 4096,
    "tie_word_embeddings": False,
    "use_sliding_window": False,
    "vocab_size": 152064,
}
GPT2 = {
    "architectures": ["GPT2LMHeadModel"],
    "n_embd": 768,
    "n_head": 12,
    "n_inner": None,
    "n_layer": 12,
    "n_positions": 1024,
    "resid_pdrop": 0.1,
    "vocab_size": 50257,
}
GPT_J_6B = {
    "architectures": ["GPTJForCausalLM"],
    "n_embd": 4096,
    "n_head": 16,
    "n_inner": None,
    "n_layer": 28,
    "n_positions": 2048,
    "tie_word_embeddings": False,
    "vocab_size": 50400,
}
GPT_NEOX_20B = {
    "architectures": ["GPTNeoXForCausalLM"],
    "hidden_size": 6144,
    "intermediate_size": 24576,
    "max_position_embeddings": 2048,
    "num_attention_heads": 64,
    "num_hidden_layers": 44,
    "tie_word_embeddings": False,
    "vocab_size": 50432,
}
OPT_6_7B = {
    "architectures": ["OPTForCausalLM"],
    "do_layer_norm_before": True,
    "dropout": 0.1,
    "ffn_dim": 16384,
    "hidden_size": 4096,
    "max_position_embeddings": 2048,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "vocab_size": 50272,
    "word_embed_proj_dim": 4096,
}
BLOOM = {
    "architectures": ["BloomForCausalLM"],
    "hidden_dropout": 0.0,
    "n_embed": 14336,
    "n_layer": 70,
    "num_attention_heads": 112,
    "seq_length": 2048,
    "vocab_size": 250880,
}
MPT_7B = {
    "architectures": ["MPTForCausalLM"],
    "attn_config": {"alibi": True, "attn_type": "multihead_attention"},
    "d_model": 4096,
    "expansion_ratio": 4,
    "max_seq_len": 2048,
    "n_heads": 32,
    "n_layers": 32,
    "no_bias": True,
    "vocab_size": 50432,
}
# Families that bring their own code, with the fields of their files.
QWEN_7B = {
    "architectures": ["QWenLMHeadModel"], "attn_dropout_prob": 0.0, "emb_dropout_prob": 0.0, "hidden_size": 4096,
    "intermediate_size": 22016, "kv_channels": 128, "max_position_embeddings": 32768, "model_type": "qwen",
    "no_bias": True, "num_attention_heads": 32, "num_hidden_layers": 32, "seq_length": 8192,
    "tie_word_embeddings": False, "vocab_size": 151936,
}  # fmt: skip
BAICHUAN_2_13B = {
    "architectures": ["BaichuanForCausalLM"], "hidden_size": 5120, "intermediate_size": 13696,
    "model_max_length": 4096, "model_type": "baichuan", "num_attention_heads": 40, "num_hidden_layers": 40,
    "tie_word_embeddings": False, "vocab_size": 125696, "z_loss_weight": 0,
}  # fmt: skip
INTERNLM_7B = {
    "architectures": ["InternLMForCausalLM"], "bias": True, "hidden_size": 4096, "intermediate_size": 11008,
    "max_position_embeddings": 2048, "model_type": "internlm", "num_attention_heads": 32, "num_hidden_layers": 32,
    "tie_word_embeddings": False, "vocab_size": 103168,
}  # fmt: skip
EXAONE_3_8B = {
    "architectures": ["ExaoneForCausalLM"], "activation_function": "silu", "attention_dropout": 0.0,
    "embed_dropout": 0.0, "head_dim": 128, "hidden_size": 4096, "intermediate_size": 14336,
    "max_position_embeddings": 4096, "model_type": "exaone", "num_attention_heads": 32, "num_key_value_heads": 8,
    "num_layers": 32, "tie_word_embeddings": False, "vocab_size": 102400,
}  # fmt: skip
MINICPM_2B = {
    "architectures": ["MiniCPMForCausalLM"], "dim_model_base": 256, "hidden_size": 2304, "intermediate_size": 5760,
    "max_position_embeddings": 4096, "model_type": "minicpm", "num_attention_heads": 36, "num_hidden_layers": 40,
    "num_key_value_heads": 36, "scale_depth": 1.4, "scale_emb": 12, "vocab_size": 122753,
}  # fmt: skip
MODELS = {
    "llama-2-7b": (LLAMA_2_7B, 6_738_415_616),
    "mistral-7b": (MISTRAL_7B, 7_241_732_096),
    "qwen2-7b": (QWEN2_7B, 7_615_616_512),
    "gpt2": (GPT2, 124_439_808),
    "gpt-j-6b": (GPT_J_6B, 6_050_882_784),
    "gpt-neox-20b": (GPT_NEOX_20B, 20_554_567_680),
    # The table of positions has two rows of 4096 more in the weights than the model has positions.
    "opt-6.7b": (OPT_6_7B, 6_658_473_984 - 2 * 4096),
    "bloom": (BLOOM, 176_247_271_424),
    "mpt-7b": (MPT_7B, 6_649_286_656),
    "qwen-7b": (QWEN_7B, 7_721_324_544),
    "baichuan-2-13b": (BAICHUAN_2_13B, 13_896_668_160),
    "internlm-7b": (INTERNLM_7B, 7_321_948_160),
    "exaone-3-8b": (EXAONE_3_8B, 7_818_448_896),
    "minicpm-2b": (MINICPM_2B, 2_724_880_896),
}


def write(folder, fields):
    path = folder / "config.json"
    path.write_text(fields if isinstance(fields, str) else json.dumps(fields), encoding="utf-8")
    return path


def read(folder, fields, **changes):
    return read_model_config(write(folder, fields | changes), None, "my.toml: [model] config")


def refusal(folder, fields):
    with pytest.raises(InputError) as caught:
        read_model_config(write(folder, fields), None, "my.toml: [model] config")
    return str(caught.value).replace(str(folder), "folder")


CONFIGS = Path(__file__).parent / "configs"
EXPECTED = list(csv.DictReader((CONFIGS / "expected.csv").read_text(encoding="utf-8").splitlines()))
SIMULATED = [row["name"] for row in EXPECTED if not row["not_simulated"]]
PARAMETERS = {row["name"]: int(row["parameters"] or 0) for row in EXPECTED}
NOT_SIMULATED = {row["name"]: row["not_simulated"].split("; ") for row in EXPECTED if row["not_simulated"]}


def config(name):
    return json.loads((CONFIGS / f"{name}.json").read_text(encoding="utf-8"))


def test_every_architecture_is_tested():
    tested = {fields["architectures"][0] for fields, _ in MODELS.values()}
    tested |= {"".join(config(name).get("architectures", ())) for name in SIMULATED}
    assert not [one for one in FAMILIES if not tested & set(one.architectures)]


# Two rows of positions that no token has; two weights of every activation; one bias in the last layer.
NOT_COUNTED = {
    "apertus": 2 * 32, "apertus1p5_text": 2 * 32, "biogpt": 2 * 1024, "gpt_neox_japanese": 2560, "opt": 2 * 768,
}  # fmt: skip


@pytest.mark.parametrize("name", SIMULATED)
def test_parameters_are_those_that_the_library_counts(name):
    counted = count_parameters(read_model_config(CONFIGS / f"{name}.json", None, "")).total
    assert counted == PARAMETERS[name] - NOT_COUNTED.get(name, 0)


@pytest.mark.parametrize("name", NOT_SIMULATED)
def test_what_is_not_simulated_is_refused_by_its_name_and_none_other_is_suggested(name, tmp_path):
    message = refusal(tmp_path, config(name))
    for feature in NOT_SIMULATED[name]:
        assert feature in message
    assert "not simulated yet" in message
    assert "did you mean" not in message
    assert "ForCausalLM" not in message


def test_experts_are_refused_whatever_the_architecture_says(tmp_path):
    fields = MISTRAL_7B | {"model_type": "mixtral", "num_local_experts": 8, "num_experts_per_tok": 2}
    assert "experts (num_local_experts, num_experts_per_tok): not simulated" in refusal(tmp_path, fields)
    # The family alone is enough, where the fields are left to their defaults.
    assert "experts (of the family 'mixtral')" in refusal(
        tmp_path, MISTRAL_7B | {"architectures": ["MixtralForCausalLM"]}
    )
    # A field that says that there are none is no feature.
    assert read(tmp_path, LLAMA_2_7B, num_experts=0, kv_lora_rank=None, use_qk_norm=False, residual_multiplier=1.0)
    assert "scaled residuals (residual_multiplier)" in refusal(tmp_path, LLAMA_2_7B | {"residual_multiplier": 0.22})


# (field, value) of a feature each; the same field on a dense model must be refused by its name.
@pytest.mark.parametrize(
    ("field", "value", "feature"),
    [
        ("is_encoder_decoder", True, "an encoder"),
        ("mm_vision_tower", "clip", "a tower for images"),
        ("time_step_rank", 48, "state-space layers"),
        ("wkv_heads", 8, "recurrent layers"),
        ("linear_num_key_heads", 4, "linear attention"),
        ("attention_layers", ["global", "local"], "layers of several kinds"),
        ("kv_lora_rank", 512, "latent attention (MLA)"),
        ("index_topk", 2048, "sparse attention"),
        ("ffn_config", {"moe_num_experts": 16}, "experts (moe_num_experts)"),
        ("num_nextn_predict_layers", 1, "layers that predict further tokens"),
        ("final_logit_softcapping", 30.0, "soft-capping of logits"),
        ("use_qk_norm", True, "norms of queries and keys"),
        ("scale_depth", 1.4, "scaled residuals"),
        ("quantization_config", {"quant_method": "fp8"}, "quantised weights"),
        ("layer_types", ["full_attention", "conv"], "layers of several kinds (layer_types: conv)"),
    ],
)
def test_every_feature_is_found_by_its_fields(field, value, feature, tmp_path):
    assert feature in refusal(tmp_path, LLAMA_2_7B | {field: value})


@pytest.mark.parametrize("name", [name for name in SIMULATED if "text_config" not in config(name)])
def test_no_field_is_passed_over(name, tmp_path):
    """Under another name every field is refused by that name, or its family misses it."""
    for field, value in config(name).items():
        if value is None or field in ("architectures", "model_type") or is_feature(field):
            continue
        fields = config(name)
        fields[f"{field}_x"] = fields.pop(field)
        message = refusal(tmp_path, fields)
        assert f"key '{field}_x' is not known" in message or f"'{field}' is missing" in message


def test_fields_that_nobody_knows_are_refused_by_name(tmp_path):
    message = refusal(tmp_path, LLAMA_2_7B | {"wide_residual": 2})
    assert "key 'wide_residual' is not known here\n  LlamaForCausalLM has no such field" in message
    message = refusal(tmp_path, LLAMA_2_7B | {f"odd_{index}": index for index in range(1, 30)})
    assert message.count("odd_") == 8
    assert "and 21 more" in message
    message = refusal(tmp_path, MPT_7B | {"attn_config": {"clip_qkv": 8}})
    assert "key 'attn_config.clip_qkv' is not known here" in message
    # None of these changes a size or a layer.
    free = {"torch_dtype": "bfloat16", "rope_scaling": {"factor": 8.0}, "bos_token_id": 1, "_name_or_path": "x"}
    assert read(tmp_path, LLAMA_2_7B, **free) == read(tmp_path, LLAMA_2_7B)


def test_the_model_type_is_enough(tmp_path):
    fields = {key: value for key, value in LLAMA_2_7B.items() if key != "architectures"}
    assert count_parameters(read(tmp_path, fields, model_type="llama")).total == 6_738_415_616
    assert "there is neither 'architectures' nor 'model_type'\n  known: " in refusal(tmp_path, fields)
    assert "'architectures' says LlamaForCausalLM, but 'model_type' says 'mistral'" in refusal(
        tmp_path, LLAMA_2_7B | {"model_type": "mistral"}
    )
    assert "'ForSequenceClassification' in the name" in refusal(
        tmp_path, LLAMA_2_7B | {"architectures": ["LlamaForSequenceClassification"]}
    )


def test_gemma(tmp_path):
    # Gemma-2B: 256,000 x 2,048 embedding; 18 layers of 8 heads of 256, one of keys, gated MLP of 16,384, two norms.
    fields = LLAMA_2_7B | {
        "architectures": ["GemmaForCausalLM"], "hidden_size": 2048, "head_dim": 256, "num_attention_heads": 8,
        "num_key_value_heads": 1, "num_hidden_layers": 18, "intermediate_size": 16384, "vocab_size": 256000,
        "tie_word_embeddings": None,
    }  # fmt: skip
    assert count_parameters(read(tmp_path, fields)).total == 2_506_172_416


def test_falcon_with_a_norm_for_each_branch(tmp_path):
    # Falcon-40B's layer: 8 key/value heads of 64, two norms. Hand-worked: 128 heads x 64 = 8,192 wide.
    layer = 8192 * (8192 + 2 * 8 * 64) + 8192**2 + 2 * 4 * 8192**2 + 2 * 2 * 8192
    fields = {
        "architectures": ["FalconForCausalLM"], "hidden_size": 8192, "num_attention_heads": 128, "num_kv_heads": 8,
        "num_hidden_layers": 60, "vocab_size": 65024, "new_decoder_architecture": True, "alibi": False,
    }  # fmt: skip
    model = read(tmp_path, fields)
    assert (model.kv_heads, model.norms_per_layer, model.parallel_block) == (8, 2, True)
    assert count_parameters(model).total == 65024 * 8192 + 60 * layer + 2 * 8192
    assert read(tmp_path, fields, num_ln_in_parallel_attn=1).norms_per_layer == 1
    old = read(tmp_path, fields, new_decoder_architecture=False, multi_query=True, num_kv_heads=None)
    assert (old.kv_heads, old.norms_per_layer) == (1, 1)
    assert read(tmp_path, fields, new_decoder_architecture=False, parallel_attn=False).norms_per_layer == 2


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_those_of_the_published_weights(name, tmp_path):
    fields, parameters = MODELS[name]
    assert count_parameters(read(tmp_path, fields)).total == parameters


def test_the_model_is_named_after_its_file(tmp_path):
    folder = tmp_path / "my-model"
    folder.mkdir()
    for file, name in (("qwen2.5-32b.json", "qwen2.5-32b"), ("other.json", "other"), ("config.json", "my-model")):
        write(folder, GPT2).rename(folder / file)
        assert read_model_config(folder / file, None, "here").name == name
    assert read_model_config(folder / "other.json", "mine", "here").name == "mine"
    # In a cache of the hub the folder is named after a commit.
    cached = tmp_path / "models--openai-community--gpt2" / "snapshots" / "607a30d783dfa663caf39e06633721c8d4cfcd7e"
    cached.mkdir(parents=True)
    assert read(cached, GPT2).name == "gpt2"


def test_grouped_heads_and_their_width(tmp_path):
    model = read(tmp_path, MISTRAL_7B, head_dim=160)
    assert (model.heads, model.kv_heads, model.head_dim) == (32, 8, 160)
    assert read(tmp_path, LLAMA_2_7B, num_key_value_heads=None).kv_heads == 32


def test_biases_and_norms(tmp_path):
    qwen, gptj, mpt = (read(tmp_path, fields) for fields in (QWEN2_7B, GPT_J_6B, MPT_7B))
    assert (qwen.attention_bias, qwen.attention_output_bias, qwen.mlp_bias) == (True, False, False)
    assert (gptj.norms_per_layer, gptj.parallel_block, gptj.output_bias) == (1, True, True)
    assert (mpt.norm_bias, mpt.attention_bias, mpt.mlp_bias) == (False, False, False)
    assert read(tmp_path, LLAMA_2_7B, attention_bias=True).attention_bias is True


def test_positions(tmp_path):
    assert read(tmp_path, GPT_NEOX_20B).position == "rotary"
    assert read(tmp_path, BLOOM).position == "alibi"
    assert read(tmp_path, OPT_6_7B).position == "learned"
    assert read(tmp_path, MPT_7B, attn_config={"alibi": False}).position == "learned"
    assert read(tmp_path, MPT_7B, attn_config={"alibi": False}, learned_pos_emb=False).position == "none"


def test_dropout(tmp_path):
    assert read(tmp_path, GPT2).dropout
    assert not read(tmp_path, GPT2, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0).dropout
    assert not read(tmp_path, BLOOM).dropout


def test_multi_query_attention(tmp_path):
    assert read(tmp_path, MPT_7B, attn_config={"attn_type": "multiquery_attention"}).kv_heads == 1


def test_an_unknown_architecture_lists_some_and_suggests_none(tmp_path):
    message = refusal(tmp_path, GPT2 | {"architectures": ["Llama9ForCausalLM"]})
    assert message.startswith(
        "folder/config.json\n  the architecture 'Llama9ForCausalLM' is not known here\n  known: Llama"
    )
    assert "did you mean" not in message
    assert sum(message.count(f"{family.architectures[0]},") for family in FAMILIES) == 7
    assert "more (scaletax list architectures)" in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"architectures": ["a", "b"]}, "'architectures' is ['a', 'b']\n  it must name one"),
        ({"model_type": 3}, "'model_type' is 3\n  it must be text"),
        ({"n_ctx": 512}, "'n_ctx' is 512, but 'n_positions' is 1024"),
        ({"resid_pdrop": "0.1"}, "'resid_pdrop' is '0.1'\n  it must be a share"),
        ({"reorder_and_upcast_attn": True}, "'reorder_and_upcast_attn' is true, which is not simulated"),
        ({"n_embd": None}, "folder/config.json\n  'n_embd' is missing\n  add n_embd to the file"),
        ({"n_layer": "12"}, "'n_layer' is '12'\n  it must be a whole number above zero"),
        ({"n_layer": 0}, "'n_layer' is 0"),
        ({"n_layer": True}, "'n_layer' is true"),
        ({"tie_word_embeddings": 1}, "'tie_word_embeddings' is 1\n  it must be true or false"),
        ({"n_head": 13}, "folder/config.json\n  hidden 768 is not a multiple of heads 13"),
    ],
)
def test_refuses_fields(changes, expected, tmp_path):
    assert expected in refusal(tmp_path, GPT2 | changes)


def test_refuses_what_is_not_simulated(tmp_path):
    assert "'word_embed_proj_dim' is 512, which is not" in refusal(tmp_path, OPT_6_7B | {"word_embed_proj_dim": 512})
    kinds = {"attention_chunk_size": 1024, "layer_types": ["full_attention", "chunked_attention"]}
    assert "layers of several kinds (layer_types: chunked_attention)" in refusal(tmp_path, LLAMA_2_7B | kinds)
    # Llama has no windows, whatever the file says.
    assert "attention within a window (sliding_window)" in refusal(tmp_path, LLAMA_2_7B | {"sliding_window": 512})


def layers_of(folder, fields, **changes):
    model = read(folder, fields, **changes)
    return [kind.name for kind, count in model_runs(model) for _ in range(count)], model.window


def test_windows_of_all_layers(tmp_path):
    every = ["sliding"] * 32
    assert layers_of(tmp_path, MISTRAL_7B, sliding_window=4096) == (every, 4096)
    # Mistral's class has a window of its own where the file says nothing; a window as long as all is none.
    no_word = {key: value for key, value in MISTRAL_7B.items() if key != "sliding_window"}
    assert layers_of(tmp_path, no_word) == (every, 4096)
    assert read(tmp_path, MISTRAL_7B, sliding_window=32768) == read(tmp_path, MISTRAL_7B)
    kinds = {"sliding_window": 4096, "layer_types": ["full_attention"] * 32}
    assert read(tmp_path, MISTRAL_7B, **kinds) == read(tmp_path, MISTRAL_7B)


def test_windows_of_some_layers(tmp_path):
    assert layers_of(tmp_path, QWEN2_7B) == (["dense"] * 28, None)
    assert layers_of(tmp_path, QWEN2_7B, use_sliding_window=True, max_window_layers=20) == (
        ["dense"] * 20 + ["sliding"] * 8, 4096
    )  # fmt: skip
    listed = ["full_attention", "sliding_attention"] * 14
    found = read(tmp_path, QWEN2_7B, use_sliding_window=True, layer_types=listed)
    assert (found.runs, found.runs_repeat, found.window) == ((("dense", 1), ("sliding", 1)), True, 4096)
    for wrong in (listed[:3], "full", {}):
        message = refusal(tmp_path, QWEN2_7B | {"layer_types": wrong, "use_sliding_window": True})
        assert "'layer_types' is" in message
        assert "it must be a list of 28 kinds" in message


# Of the default configurations: the first layers, how often each kind comes, and the window.
@pytest.mark.parametrize(
    ("name", "first", "counts", "window"),
    [
        ("gemma2", "sliding, dense", {"sliding": 13, "dense": 13}, 4096),
        ("gemma3_text", "sliding, sliding, sliding, sliding, sliding, dense", {"sliding": 22, "dense": 4}, 4096),
        ("olmo3", "sliding, sliding, sliding, dense", {"sliding": 24, "dense": 8}, 4096),
        ("cohere2", "sliding, sliding, sliding, unrotated", {"sliding": 30, "unrotated": 10}, 4096),
        ("cwm", "dense, sliding, sliding, sliding, dense", {"sliding": 48, "dense": 16}, 8192),
        ("gpt_neo", "dense, sliding", {"sliding": 12, "dense": 12}, 256),
        ("smollm3", "dense, dense, dense, unrotated", {"dense": 27, "unrotated": 9}, None),
        # Its longest sequence is no longer than its window.
        ("exaone4", "dense, dense, dense, unrotated", {"dense": 24, "unrotated": 8}, None),
    ],
)
def test_layers_of_the_families(name, first, counts, window, tmp_path):
    fields = config(name) | ({"max_position_embeddings": 65536} if name == "olmo3" else {})
    kinds, found = layers_of(tmp_path, fields)
    assert ", ".join(kinds).startswith(first)
    assert (dict(collections.Counter(kinds)), found) == (counts, window)
    # The rule that the class has gives what its file says in full.
    by_rule = {key: value for key, value in fields.items() if key not in ("layer_types", "attention_layers")}
    assert layers_of(tmp_path, by_rule) == (kinds, found)


def test_layers_of_gpt_neo(tmp_path):
    fields = config("gpt_neo") | {"num_layers": 4, "attention_layers": None}
    for groups in ([[["global", "local"], 3]], [["global", 4]], [[["global"], 10**18], 3], "global", [[["odd"], 4]]):
        assert "global or local" in refusal(tmp_path, fields | {"attention_types": groups}), groups
    written = ["local", "global", "global", "local"]
    message = refusal(tmp_path, fields | {"attention_layers": written, "attention_types": [[["global", "local"], 2]]})
    assert "'attention_layers' and 'attention_types' differ" in message
    assert layers_of(tmp_path, fields, attention_types=None, attention_layers=written)[0] == [
        "sliding", "dense", "dense", "sliding"
    ]  # fmt: skip


def test_more_layers_than_are_simulated_are_not_counted_one_by_one(tmp_path):
    assert "at most 10,000 layers" in refusal(tmp_path, config("gemma2") | {"num_hidden_layers": 10**18})


def test_norms_caps_and_scales(tmp_path):
    found = {
        name: read(tmp_path, config(name)) for name in ("gemma2", "gemma3_text", "qwen3", "olmo2", "olmo", "nanochat")
    }
    assert [found[name].query_key_norm for name in found] == ["none", "head", "head", "heads", "none", "head"]
    assert [found[name].norms_per_layer for name in found] == [4, 4, 2, 2, 2, 2]
    assert [found[name].logit_softcap for name in found] == [True, False, False, False, False, True]
    assert [found[name].attention_softcap for name in found] == [True, False, False, False, False, False]
    assert [found[name].norm_weight for name in found] == [True, True, True, True, False, False]
    assert not read(tmp_path, config("gemma2"), final_logit_softcapping=None).logit_softcap
    assert "'final_logit_softcapping' is 'x'" in refusal(tmp_path, config("gemma2") | {"final_logit_softcapping": "x"})
    assert read(tmp_path, config("granite"), residual_multiplier=0.22).scaled_residuals
    assert not read(tmp_path, config("granite")).scaled_residuals
    assert read(tmp_path, config("stablelm"), qk_layernorm=True).query_key_norm == "heads"
    assert read(tmp_path, config("phi"), qk_layernorm=True).query_key_norm == "head"


def test_of_a_model_for_more_than_text_the_language_model_is_read(tmp_path):
    # Gemma 3 4B as its file has it: all that is left out has the sizes of its class.
    inner = {
        "hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34,
        "rope_scaling": {"factor": 8.0, "rope_type": "linear"}, "sliding_window": 1024,
    }  # fmt: skip
    whole = {
        "architectures": ["Gemma3ForConditionalGeneration"], "boi_token_index": 255999, "model_type": "gemma3",
        "text_config": inner, "vision_config": {"hidden_size": 1152, "model_type": "siglip_vision_model"},
    }  # fmt: skip
    model = read(tmp_path, whole)
    assert (model.part_of, model.window, model.kv_heads, model.head_dim) == (
        "Gemma3ForConditionalGeneration",
        1024,
        4,
        256,
    )
    assert count_parameters(model).total == 3_880_263_168
    assert ".json: text_config\n  'num_attention_heads'" in refusal(
        tmp_path, whole | {"text_config": inner | {"num_attention_heads": "8"}}
    )
    # Qwen2-VL has its language model in the file itself; LLaVA-Next leaves all but the vocabulary to Llama's class.
    beside = {
        "architectures": ["Qwen2VLForConditionalGeneration"],
        "model_type": "qwen2_vl",
        "vision_config": {"depth": 32},
    }
    model = read(tmp_path, QWEN2_7B | beside)
    assert (model.part_of, count_parameters(model).total) == ("Qwen2VLForConditionalGeneration", 7_615_616_512)
    model = read(tmp_path, {"model_type": "llava", "text_config": {"model_type": "llama", "vocab_size": 32064}})
    assert (model.part_of, model.tied_embeddings, model.layers) == ("llava", False, 32)
    # What is refused inside is refused.
    message = refusal(tmp_path, {"model_type": "odd_vl", "text_config": config("qwen3_moe")})
    assert "experts" in message


def test_refuses_what_is_not_json(tmp_path):
    message = refusal(tmp_path, '{"n_embd": }')
    assert message.startswith("folder/config.json: line 1, column 12\n  not JSON: Expecting value")
    assert "it holds [1, 2], no fields of a model" in refusal(tmp_path, "[1, 2]")
    assert "digits" in refusal(tmp_path, f'{{"n_embd": {"1" * 5000}}}')
    assert refusal(tmp_path, '{"a":' * 100_000).startswith("folder/config.json")


def test_a_file_that_is_not_there_is_named_from_the_scenario(tmp_path):
    write(tmp_path, GPT2)
    with pytest.raises(InputError) as caught:
        read_model_config(tmp_path / "confg.json", None, "my.toml: [model] config")
    message = str(caught.value)
    assert message.startswith("my.toml: [model] config\n  there is no file ")
    assert message.endswith("did you mean config.json?")


def test_gemma_4_says_heads_of_its_layers_in_two_ways(tmp_path):
    written = config("gemma4_text")
    named = {key: value for key, value in written.items() if key != "per_layer_config"}
    named |= {"global_head_dim": 512, "num_global_key_value_heads": 4}
    assert read(tmp_path, named) == read(tmp_path, written)
    # Heads of their own are for layers whose keys are their values.
    apart = read(tmp_path, named, attention_k_eq_v=False)
    assert (apart.global_kv_heads, apart.global_head_dim, apart.keys_are_values) == (None, 512, False)
    other = written["per_layer_config"] | {"05": {"head_dim": 128}}
    assert "layers of several kinds ('per_layer_config' is" in refusal(tmp_path, written | {"per_layer_config": other})
    kinds = [*written["layer_types"][:-1], "sliding_attention"]
    assert "the last of 'layer_types' is 'sliding_attention'" in refusal(tmp_path, named | {"layer_types": kinds})
    assert "experts (enable_moe_block)" in refusal(tmp_path, named | {"enable_moe_block": True})


def test_latent_queries_may_be_made_of_the_input(tmp_path):
    fields = config("minicpm3")
    found = read(tmp_path, fields, q_lora_rank=None)
    assert (found.query_rank, found.key_value_rank, found.head_dim, found.value_head_dim) == (None, 256, 96, 64)
    assert "'q_lora_rank' is missing" in refusal(tmp_path, {k: v for k, v in fields.items() if k != "q_lora_rank"})
    assert "'qk_head_dim' is 64, which is not simulated" in refusal(tmp_path, fields | {"qk_head_dim": 64})
