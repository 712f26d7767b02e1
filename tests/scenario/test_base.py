"""base = ...: a file on top of another."""

import pytest

from sim.errors import InputError
from sim.scenario import read_document
from sim.sweep.grid import load_scenarios

WHOLE = """
schema = 1
title = "below"
[model]
name = "cerebras-gpt-111m"
[training]
tokens = 1e9
global_batch = "64 sequences"
[[system]]
name = "a"
topology = "hgx-a100-node"
devices = 8
stack = "fsdp-2023"
"""


@pytest.fixture
def files(tmp_path):
    def write(**texts):
        for name, text in texts.items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(exist_ok=True)
            path.with_suffix(".toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def refusal(path):
    with pytest.raises(InputError) as caught:
        load_scenarios(path)
    return str(caught.value)


def test_a_file_is_laid_over_its_base_and_that_over_its_own(files):
    folder = files(
        below=WHOLE,
        middle='base = "below.toml"\n[training]\ntokens = 2e9',
        top='base = "middle.toml"\ntitle = "top"\n[[system]]\nname = "a"\ndevices = 4\n[[system]]\nname = "b"\n'
        'topology = "cs-2-single"\ndevices = 1\nstack = "cerebras-r2"',
    )
    a, b = load_scenarios(folder / "top.toml")
    assert (a.title, a.training.tokens, a.training.global_batch) == ("top", 2e9, 64)
    assert (a.system.name, a.system.devices, a.system.stack, b.system.name) == ("a", 4, "fsdp-2023", "b")


def test_a_base_may_be_a_scenario_of_the_shelf(files):
    folder = files(mine='base = "quickstart"\n[training]\nglobal_batch = "528 sequences"')
    below = load_scenarios(folder.parent / folder / "mine.toml")
    assert [one.training.global_batch for one in below] == [528, 528]
    assert [one.system.name for one in below] == ["8 A100", "1 CS-2"]


def test_overrides_and_the_sweep_come_on_top(files):
    folder = files(
        below=f'{WHOLE}[sweep]\n"system.a.devices" = [4, 8]\n"training.tokens" = [1e9, 2e9]',
        top='base = "below.toml"\n[sweep]\n"system.a.devices" = [2]',
    )
    found = load_scenarios(folder / "top.toml", ["training.tokens=5e9"])
    assert [(one.system.devices, one.training.tokens) for one in found] == [(2, 5e9)]


def test_paths_in_a_base_are_taken_from_its_folder(files):
    folder = files(
        sub__below=WHOLE.replace('"hgx-a100-node"', '"mine.toml"'),
        top='base = "sub/below.toml"',
    )
    (found,) = load_scenarios(folder / "top.toml")
    assert found.system.topology == str((folder / "sub" / "mine.toml").resolve())


def test_files_that_are_each_other_s_base(files):
    folder = files(one='base = "two.toml"', two='base = "one.toml"', self='base = "self.toml"')
    message = refusal(folder / "one.toml")
    assert "two.toml: base" in message
    assert "each other's base: one.toml -> two.toml -> one.toml" in message
    assert "self.toml -> self.toml" in refusal(folder / "self.toml")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ('"cliam"', "unknown scenario 'cliam'; did you mean 'claim'?"),
        ('"belwo.toml"', "did you mean below.toml"),
        ("3", "3 is not the name of a scenario"),
        ('""', "'' is not the name of a scenario"),
    ],
)
def test_a_base_that_is_not_there(files, written, words):
    folder = files(below=WHOLE, top=f"base = {written}")
    message = refusal(folder / "top.toml")
    assert words in message
    assert "top.toml: base" in message


def test_a_base_that_is_not_toml_is_named(files):
    folder = files(below="[model", top='base = "below.toml"')
    assert "below.toml: line 1" in refusal(folder / "top.toml")


def test_the_base_is_not_set_from_outside(files):
    folder = files(below=WHOLE)
    with pytest.raises(InputError, match="'base' cannot be set here"):
        load_scenarios(folder / "below.toml", ["base=claim"])


def test_a_base_that_links_to_itself_is_refused(tmp_path):
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    (tmp_path / "mine.toml").write_text('base = "loop.toml"\n', encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        read_document(tmp_path / "mine.toml")


def test_files_on_top_of_one_another_without_end_are_refused(tmp_path):
    for number in range(40):
        (tmp_path / f"c{number}.toml").write_text(f'base = "c{number + 1}.toml"\n', encoding="utf-8")
    with pytest.raises(InputError, match="more than 32 files on top of one another"):
        read_document(tmp_path / "c0.toml")


def test_files_that_a_base_names_lie_beside_it(tmp_path):
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "base.toml").write_text(
        'schema = 1\n[model]\nname = "cerebras-gpt-111m"\n[training]\ntokens = "1B"\nglobal_batch = "64 sequences"\n'
        '[[system]]\nname = "a"\ntopology = "node.toml"\nstack = ["mine.toml", "fsdp-2023"]\ndevices = 4\n'
    )
    (tmp_path / "above.toml").write_text('base = "below/base.toml"\n')
    document = read_document(tmp_path / "above.toml")
    assert document["system"][0]["topology"] == str(tmp_path / "below" / "node.toml")
    assert document["sweep"] == {"system.a.stack": [str(tmp_path / "below" / "mine.toml"), "fsdp-2023"]}
