"""Models from a Hugging Face config.json: the counts of published models, and every refusal.

The fields are those of the models' public configuration files; the counts are those of their weights.
"""

from __future__ import annotations

import json

import pytest

from sim.errors import InputError
from sim.scenario.model_config import ARCHITECTURES, read_model_config
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


def test_every_architecture_is_tested():
    assert {fields["architectures"][0] for fields, _ in MODELS.values()} == set(ARCHITECTURES)


@pytest.mark.parametrize("name", MODELS)
def test_parameters_are_those_of_the_published_weights(name, tmp_path):
    fields, parameters = MODELS[name]
    assert count_parameters(read(tmp_path, fields)).total == parameters


def test_the_model_is_named_after_its_folder(tmp_path):
    folder = tmp_path / "my-model"
    folder.mkdir()
    assert read(folder, GPT2).name == "my-model"
    assert read_model_config(write(folder, GPT2), "other", "here").name == "other"


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


def test_an_unknown_architecture_lists_the_known(tmp_path):
    message = refusal(tmp_path, GPT2 | {"architectures": ["LamaForCausalLM"]})
    assert message.startswith(
        "folder/config.json\n  unknown architecture 'LamaForCausalLM'; did you mean 'LlamaForCausalLM'?"
    )
    for name in ARCHITECTURES:
        assert name in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"architectures": None}, "folder/config.json\n  there is no 'architectures'\n  it must name one of"),
        ({"architectures": ["a", "b"]}, "'architectures' is ['a', 'b']"),
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
    windowed = MISTRAL_7B | {"sliding_window": 4096}
    assert "a window of 4096 of 32768 tokens is not" in refusal(tmp_path, windowed)
    assert "a window of 4096 of 131072" in refusal(tmp_path, QWEN2_7B | {"use_sliding_window": True})
    assert "width 512 projected to 4096" in refusal(tmp_path, OPT_6_7B | {"word_embed_proj_dim": 512})


def test_refuses_what_is_not_json(tmp_path):
    message = refusal(tmp_path, '{"n_embd": }')
    assert message.startswith("folder/config.json: line 1, column 12\n  not JSON: Expecting value")
    assert "there is no 'architectures'" in refusal(tmp_path, "[1, 2]")


def test_a_file_that_is_not_there_is_named_from_the_scenario(tmp_path):
    write(tmp_path, GPT2)
    with pytest.raises(InputError) as caught:
        read_model_config(tmp_path / "confg.json", None, "my.toml: [model] config")
    message = str(caught.value)
    assert message.startswith("my.toml: [model] config\n  there is no file ")
    assert message.endswith("did you mean config.json?")
