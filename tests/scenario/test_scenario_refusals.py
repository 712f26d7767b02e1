"""What a scenario file may not say: one replacement in the example, and the message it gets."""

from __future__ import annotations

import pytest

from sim.errors import InputError
from sim.sweep.grid import load_scenarios


def refusal(path, *overrides):
    with pytest.raises(InputError) as caught:
        load_scenarios(path, overrides)
    return str(caught.value).replace(str(path), "my.toml")


# (what is replaced, by what, the message from after the file's name)
REFUSED = {
    "unknown key": (
        "tensor = 8",
        "tensr = 8",
        """: [system "cluster".plan] tensr
  unknown key 'tensr'; did you mean 'tensor'?
  allowed: tensor, zero, pipeline, optimizer_offload, recompute, sequence_parallel, zero_group, data and 8 more""",
    ),
    "unknown key at the top": ("seed = 7", "sed = 7", ": sed\n  unknown key 'sed'; did you mean 'seed'?"),
    "missing key": (
        "tokens = 257e9\n",
        "",
        """: [training] tokens
  'tokens' is missing
  write for example tokens = 257e9 or tokens = "1.4T" or tokens = "20 per""",
    ),
    "missing schema": ("schema = 1\n", "", ": schema\n  'schema' is missing\n  write for example schema = 1"),
    "other schema": ("schema = 1", "schema = 2", ": schema\n  schema 2 is not known\n  write schema = 1"),
    "schema true": ("schema = 1", "schema = true", ": schema\n  schema true is not known"),
    "whole number as text": (
        "devices = 64",
        'devices = "64"',
        ": [system \"cluster\"] devices\n  '64' is not a whole number\n  write 64",
    ),
    "whole number with a point": ("devices = 64", "devices = 8.0", "8.0 is not a whole number\n  write 8"),
    "truth value as number": ("devices = 64", "devices = true", "true is not a whole number"),
    "number as truth value": (
        "charts = true",
        "charts = 1",
        ": [report] charts\n  1 is not a truth value\n  write true or false",
    ),
    "text as truth value": ("charts = true", 'charts = "true"', "write true without quotes"),
    "zero devices": ("devices = 64", "devices = 0", "0 must be at least 1\n  write for example devices = 64"),
    "negative seed": ("seed = 7", "seed = -1", ": seed\n  -1 must be at least 0"),
    "zero stage": ("tensor = 8", "zero = 4", ': [system "cluster".plan] zero\n  4 must be at most 3'),
    "entry of a list": ("tensor = 8", "micro_batches = [1, 0]", "micro_batches[1]\n  0 must be"),
    "number as a list": (
        "tensor = 8",
        "micro_batches = 3",
        """: [system "cluster".plan] micro_batches
  3 is not a list
  write for example micro_batches = [12, 12, 10]; in [sweep] one list for each point: [[12, 12, 10], ...]""",
    ),
    "table as a list": ("tensor = 8", "micro_batches = { a = 1 }", "] micro_batches\n  a table is not a list\n  write"),
    "empty list": ("tensor = 8", "layers_per_stage = []", "layers_per_stage\n  [] is empty"),
    "empty name": ('name = "cluster"', 'name = ""', ": [system number 1] name\n  '' is empty"),
    "negative tokens": ("257e9", "-1", ": [training] tokens\n  -1 must be above zero and finite"),
    "infinite tokens": ("257e9", "inf", ": [training] tokens\n  inf must be above zero and finite"),
    "tokens as text": ("257e9", '"257e9"', 'write a number of tokens such as 257e9, "1.4T", or "20'),
    "batch without unit": (
        '"720 sequences"',
        "720",
        ': [training] global_batch\n  720 has no unit\n  write "720 sequences" or "720 tokens"',
    ),
    "batch as text without unit": ('"720 sequences"', '"720"', "'720' has no unit"),
    "batch in another unit": (
        '"720 sequences"',
        '"720 sequnces"',
        "'720 sequnces' is in 'sequnces'; did you mean 'sequences'?",
    ),
    "batch not whole": ('"720 sequences"', '"0.5 sequences"', "is not a whole number of sequences"),
    "batch of nothing": ('"720 sequences"', '"0 tokens"', "'0 tokens' must be above zero and finite"),
    "batch without number": ('"720 sequences"', '"many"', "'many' is not a size of a batch"),
    "batch of 400 digits in text": ('"720 sequences"', f'"{"1" * 400} tokens"', "must be above zero and finite"),
    "batch beyond all": ('"720 sequences"', '"1e19 tokens"', "is more than 1e+18, the most that is simulated"),
    "batch in thousands alone": ('"720 sequences"', '"4M"', "'4M' has no unit\n  write text with a unit: \"720 seq"),
    "products of four bits": (
        "sequence = 2048",
        'precision = "mxfp4"',
        "'mxfp4' is reserved: training with products in four bits is simulated in NVFP4 alone\n  allowed: bf16, fp16",
    ),
    "a recipe that nobody knows": (
        "sequence = 2048",
        'recipe = "bf16-onyl"',
        ": [training] recipe\n  unknown precision recipe 'bf16-onyl'; did you mean 'bf16-only'?",
    ),
    "what is no recipe": (
        "sequence = 2048",
        "recipe = 3",
        ': [training] recipe\n  3 is no recipe\n  write for example recipe = "bf16-only" (scaletax list recipes)',
    ),
    "a recipe of another precision": (
        "sequence = 2048",
        'precision = "fp16"\nrecipe = "bf16-only"',
        "precision = 'fp16', but the products of the recipe 'bf16-only' run in bf16\n  leave one of the two out",
    ),
    "a use in a format that it does not have": (
        "sequence = 2048",
        'recipe = { moments = "fp8" }',
        ": [training.recipe] moments\n  unknown moments 'fp8'\n  allowed: fp32, bf16, int8",
    ),
    "an optimizer that nobody knows": (
        "sequence = 2048",
        'optimizer = "adamw"',
        "unknown optimizer 'adamw'; did you mean 'adam'?\n  allowed: adafactor, adam, muon, sgd",
    ),
    "experts": (
        'name = "cerebras-gpt-13b"',
        'name = "cerebras-gpt-13b"\nexperts = 8',
        """: [model] experts
  'experts' is reserved: mixtures of experts are not simulated yet, and no dense model stands for one
  use a model of which all parameters work on every token""",
    ),
    "experts by another name": ('name = "cerebras-gpt-13b"', "num_experts = 8", "'num_experts' is reserved: mixtures"),
    "experts of a plan": ("tensor = 8", "ep = 8", "'ep' is reserved: expert parallelism is not simulated yet"),
    "context of a plan": ("tensor = 8", "context = 2", "'context' is reserved: context parallelism is not"),
    "another tool's name": ("tensor = 8", "tp = 8", "unknown key 'tp'; did you mean 'tensor'?\n  allowed: tensor, "),
    "an option of Megatron": (
        "tensor = 8",
        "tensor-model-parallel-size = 8",
        "unknown key 'tensor-model-parallel-size'; did you mean 'tensor'?",
    ),
    "an end of Megatron's pipeline": (
        "tensor = 8",
        "decoder_first_pipeline_num_layers = 8",
        "'decoder_first_pipeline_num_layers'; did you mean 'first_stage_layers'?",
    ),
    "an end of its library's pipeline": (
        "tensor = 8",
        "num_layers_in_last_pipeline_stage = 8",
        "'num_layers_in_last_pipeline_stage'; did you mean 'last_stage_layers'?",
    ),
    "a schedule as torchtitan asks for it": (
        "tensor = 8",
        'pipeline_parallel_schedule = "1F1B"',
        "'pipeline_parallel_schedule'; did you mean 'schedule'?",
    ),
    "an order of ranks in a plan": (
        "tensor = 8",
        'rank_order = "tp-dp-pp"',
        "unknown key 'rank_order'; the order of ranks is rank_order, a figure of the stack: docs/plans.md",
    ),
    "an order in a plan": ("tensor = 8", 'order = "tp-dp-pp"', "'order'; the order of ranks is rank_order, a figure"),
    "key of another table": ("seed = 7", "tensor = 8", "unknown key 'tensor'; 'tensor' is a key of [system.plan]"),
    "another tool's name in another table": ("seed = 7", "gbs = 8", "'global_batch' is a key of [training]"),
    "a model's name elsewhere": (
        "cerebras-gpt-13b",
        "meta-llama/Meta-Llama-3-8B",
        "unknown model 'meta-llama/Meta-Llama-3-8B'; did you mean 'llama-3-8b'?",
    ),
    "jitter not a share": ('"0.5 %"', '"5 GB"', ": [system \"cluster\"] jitter\n  '5 GB' is not a share"),
    "unknown choice": (
        "sequence = 2048",
        'precision = "bf61"',
        """: [training] precision
  unknown precision 'bf61'; did you mean 'bf16'?
  allowed: bf16, fp16""",
    ),
    "choice of another type": ("sequence = 2048", "precision = 16", "16 is not text\n  allowed: bf16, fp16"),
    "unknown plan": (
        "[system.plan]\ntensor = 8",
        'plan = "bets"',
        """: [system "cluster"] plan
  unknown plan 'bets'; did you mean 'best'?
  write plan = "best", or a table [system.plan]""",
    ),
    "plan of another type": (
        "[system.plan]\ntensor = 8",
        "plan = 8",
        ': [system "cluster"] plan\n  8 is not a table\n  write [system.plan] with its keys below',
    ),
    "single brackets": (
        "[[system]]",
        "[system]",
        ": system\n  a table is not a list\n  write [[system]] with double brackets",
    ),
    "a family of schedules": (
        "tensor = 8",
        'schedule = "zero-bubble"',
        "unknown schedule 'zero-bubble'; did you mean 'zb-h1'?",
    ),
    "unknown resolution": (
        "devices = 64",
        'devices = 64\nresolution = "ful"',
        """: [system "cluster"] resolution
  unknown resolution 'ful'; did you mean 'full'?
  allowed: auto, folded, full""",
    ),
    "full resolution and its estimate": (
        "devices = 64",
        'devices = 64\nresolution = "full"',
        """: [system "cluster"] resolution
  resolution = "full" together with jitter = 0.005
  leave out one: jitter is the folded estimate""",
    ),
    "no steps": ("seed = 7", "steps = 0", ": steps\n  0 must be at least 1\n  write for example steps = 100"),
    "too many steps": ("seed = 7", "steps = 100001", ": steps\n  100001 must be at most 100000\n  write for example"),
    "too many steps with a point": (
        "seed = 7",
        "steps = 1e12",
        ": steps\n  1000000000000 must be at most 100000\n  write for example steps = 100",
    ),
    "no steps with a point": ("seed = 7", "steps = 0.0", ": steps\n  0 must be at least 1\n  write for example"),
    "steps with a point": ("seed = 7", "steps = 1e5", ": steps\n  100000.0 is not a whole number\n  write 100000"),
    "title as a number": ('title = "An example"', "title = 3", ": title\n  3 is not text\n  write text in quotes"),
    "half a step": ("seed = 7", "steps = 1.5", ": steps\n  1.5 is not a whole number"),
    "unknown model": (
        "cerebras-gpt-13b",
        "cerebras-gpt-31b",
        ": [model] name\n  unknown model 'cerebras-gpt-31b'; did you mean 'cerebras-gpt-13b'?",
    ),
    "unknown stack": (
        "fsdp-2023",
        "fsdp-2032",
        ': [system "cluster"] stack\n'
        "  unknown software stack 'fsdp-2032'; did you mean 'fsdp-2023'?\n"
        "  allowed: fsdp-2023, fsdp-2022-12, ",
    ),
    "empty model": ('name = "cerebras-gpt-13b"', "", ": [model]\n  the table is empty"),
    "model lacks fields": (
        'name = "cerebras-gpt-13b"',
        'name = "cerebras-gpt-13b"\nlayers = 2\nhidden = 64',
        ": [model]\n  heads, vocab, max_sequence are missing\n  a model of its own needs",
    ),
    "two ways to say a model": (
        'name = "cerebras-gpt-13b"',
        'config = "config.json"\nlayers = 2',
        ": [model]\n  'config' and fields of its own (layers)\n  leave out one of the two",
    ),
    "heads do not divide": (
        'name = "cerebras-gpt-13b"',
        "layers = 2\nhidden = 65\nheads = 4\nvocab = 100\nmax_sequence = 2048",
        ": [model]\n  hidden 65 is not a multiple of heads 4\n  change one, or say head_dim",
    ),
    "kv_heads do not divide": (
        'name = "cerebras-gpt-13b"',
        "layers = 2\nhidden = 64\nheads = 4\nkv_heads = 3\nvocab = 100\nmax_sequence = 2048",
        ": [model]\n  kv_heads 3 does not divide heads 4\n  set kv_heads to a divisor of heads, such as 1",
    ),
    "sequence too long": (
        "sequence = 2048",
        "sequence = 4096",
        ": [training] sequence\n  4096 tokens, but cerebras-gpt-13b has learned positions for 2048",
    ),
    "lora without its table": (
        "sequence = 2048",
        'method = "lora"',
        ': [training] method\n  method = "lora", but [training.lora] is missing\n  add [training.lora]',
    ),
    "lora table without lora": (
        "[[system]]",
        '[training.lora]\nrank = 1\ntargets = ["query"]\n[[system]]',
        ': [training] method\n  method = "pretrain", but [training.lora] is there\n  set method = "lora"',
    ),
    "target twice": (
        "[[system]]",
        '[training.lora]\nrank = 1\ntargets = ["query", "query"]\n[[system]]',
        ": [training.lora] targets\n  query is there more than once",
    ),
    "not TOML": (
        'name = "cluster"',
        "name = cluster",
        ': line 14, column 8\n  not TOML: Invalid value\n  text needs quotes: name = "value"',
    ),
    "not TOML at the end": ("charts = true\n", "charts = [1,", ": line 24, column 13\n  not TOML: "),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refuses(kind, example):
    old, new, expected = REFUSED[kind]
    message = refusal(example((old, new)))
    assert message.startswith("my.toml: ")
    assert expected in message
    assert "also" not in message


def test_adapters_of_latent_attention(example):
    sizes = "layers = 2\nhidden = 64\nheads = 4\nvocab = 100\nmax_sequence = 2048\n"
    latent = f'{sizes}position = "rotary"\nkey_value_rank = 8\nrotary_head_dim = 4'
    adapters = 'method = "lora"\n[training.lora]\nrank = 1\ntargets = ["output", "query"]\n[[system]]'
    message = refusal(example(('name = "cerebras-gpt-13b"', latent), ("[[system]]", adapters)))
    assert "[training.lora] targets\n  adapters of query: custom makes queries" in message
    assert message.endswith('simulated there: "output", "mlp"')


@pytest.mark.parametrize("key", ["steps", "system.plan.micro_batches"])
def test_a_value_refused_in_the_file_is_refused_by_an_override_and_at_any_sweep_point(key, example):
    bad, good, expected = {
        "steps": ("1e12", "10", "1000000000000 must be at most 100000\n  write for example steps = 100"),
        "system.plan.micro_batches": ("3", "[1, 2]", "3 is not a list\n  write for example micro_batches = ["),
    }[key]
    assert expected in refusal(example(), f"{key}={bad}")
    axis = f'[sweep]\n"{key}" = [{{}}]\n[report]'
    assert expected in refusal(example(("[report]", axis.format(bad))))
    message = refusal(example(("[report]", axis.format(f"{good}, {bad}"))))
    for line in expected.splitlines():
        assert line in message
    assert "at the sweep point" in message


def test_more_steps_than_allowed_are_refused_at_the_limit(example):
    assert load_scenarios(example(("seed = 7", "steps = 100_000")))[0].steps == 100_000
