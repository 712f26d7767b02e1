"""Two files never have one name, and one file has one."""

import json

from sim.sweep.grid import load

GPT2 = {
    "architectures": ["GPT2LMHeadModel"],
    "n_embd": 64,
    "n_head": 2,
    "n_layer": 2,
    "n_positions": 64,
    "vocab_size": 99,
}
HEAD = """
schema = 1
[model]
config = "a/tiny/config.json"
[training]
tokens = 1e6
global_batch = "8 sequences"
[[system]]
name = "one"
topology = "dgx-a100-superpod"
devices = 8
stack = "megatron-2022"
"""


def names(folder, *files, head=HEAD):
    for file in files:
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(GPT2), encoding="utf-8")
    scenario = folder / "my.toml"
    scenario.write_text(f'{head}[sweep]\n"model.config" = {json.dumps(files)}\n', encoding="utf-8")
    return [one.model.name for one in load(scenario).scenarios]


def test_files_of_one_folder(tmp_path):
    assert names(tmp_path, "hf/qwen.json", "hf/other.json") == ["qwen", "other"]


def test_folders_of_one_name(tmp_path):
    files = ("a/tiny/config.json", "b/tiny/config.json", "b/wide/config.json")
    assert names(tmp_path, *files) == ["a/tiny", "b/tiny", "wide"]
    assert names(tmp_path, "x/v1/tiny.json", "y/v1/tiny.json") == ["x/v1/tiny", "y/v1/tiny"]


def test_one_file_by_two_paths(tmp_path):
    assert names(tmp_path, "a/tiny/config.json", "a/../a/tiny/config.json") == ["tiny", "tiny"]
