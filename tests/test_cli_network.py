"""The commands about networks, in this process: what they print, what they write, and how they refuse."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sim.cli import main
from sim.cli.networks import COLLECTIVES as KINDS
from sim.hardware.network import COLLECTIVES

Run = Callable[..., tuple[int, str, str]]


def written_by(out: str) -> list[Path]:
    """The chart that the last line names, in both formats."""
    first = Path(out.split("Next: ")[1].split()[0])
    assert first.suffix == ".png"
    return [first, first.with_suffix(".svg")]


@pytest.fixture
def scaletax(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs the command line in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["scaletax", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        return int(stop.value.code or 0), out, err

    return run


@pytest.mark.parametrize(
    "arguments",
    [
        ("all-reduce", "--topology", "hgx-h100-node"),
        ("all-gather", "--topology", "dgx-a100-superpod", "--devices", "64", "--ranks", "8", "--stride", "8"),
        ("all-to-all", "--topology", "torus-2d", "--devices", "32", "--bytes", "64 MiB"),
        ("broadcast", "--topology", "andromeda", "--devices", "16"),
        ("reduce", "--topology", "dgx-1-v100", "--sizes", "1 MB:1 GB"),
        ("all-reduce", "--topology", "hgx-a100-node", "--ranks", "4", "--algorithm", "ring", "--alone"),
        (
            "reduce-scatter",
            "--topology",
            "leaf-spine",
            "--devices",
            "64",
            "--size",
            "oversubscription=2",
        ),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_collective_is_timed_and_drawn(scaletax: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = scaletax("collective", *arguments)
    assert (code, err) == (0, "")
    assert out.startswith(arguments[0])
    assert "bus bandwidth" in out
    assert len(out.split("Next: ")[0].splitlines()) <= 23
    assert max(map(len, out.splitlines())) <= 80
    written = written_by(out)
    assert all(path.is_file() and path.parent == Path("results/collective") for path in written)


def test_json_is_the_document_alone(scaletax: Run) -> None:
    code, out, _ = scaletax("collective", "all-reduce", "--topology", "hgx-a100-node", "--json", "--out", "charts")
    document = json.loads(out)
    assert code == 0
    assert document["collective"] == "all-reduce"
    assert len(list(Path("charts").iterdir())) == 2


def test_charts_are_added_to_a_folder_and_other_files_stay(scaletax: Run) -> None:
    Path("charts").mkdir()
    Path("charts/mine.txt").write_text("mine")
    for _ in range(2):
        assert scaletax("draw", "hgx-a100-node", "--out", "charts")[0] == 0
    assert {path.name for path in Path("charts").iterdir()} == {
        "mine.txt", "hgx-a100-node-8.png", "hgx-a100-node-8.svg",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("gb200-nvl72",), "72 x gb200"),
        (("jean-zay",), "416 x a100-80gb-sxm"),
        (("torus-2d", "--devices", "32"), "gpu - gpu"),
        (("leaf-spine", "--devices", "512", "--size", "oversubscription=3"), "(3 : 1)"),
    ],
)
def test_a_topology_is_drawn_and_summed_up(scaletax: Run, arguments: tuple[str, ...], says: str) -> None:
    code, out, err = scaletax("draw", *arguments)
    assert (code, err) == (0, "")
    assert says in " ".join(out.split())
    assert len(out.split("Next: ")[0].splitlines()) <= 23
    assert "full" in out
    written = written_by(out)
    assert all(path.is_file() for path in written)


NODE = ("--topology", "hgx-a100-node")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("collective", "all-reduc", *NODE), "is not one of"),
        (("collective", "all-reduce"), "--topology"),
        (("collective", "all-reduce", "--topology", "hgx-a100-nod"), "did you mean 'hgx-a100-node'"),
        (("collective", "all-reduce", "--topology", "dgx-h100-superpod"), "say how many"),
        (("collective", "all-reduce", *NODE, "--devices", "9"), "has 8"),
        (("collective", "all-reduce", *NODE, "--devices", "0"), "--devices\n  0 devices asked for"),
        (("draw", "hgx-a100-node", "--devices", "-1"), "--devices\n  -1 devices asked for"),
        (("collective", "all-reduce", *NODE, "--ranks", "0"), "--ranks\n  0 ranks are too few"),
        (("collective", "all-reduce", *NODE, "--ranks", "-3"), "--ranks\n  -3 ranks are too few"),
        (("collective", "all-reduce", *NODE, "--stride", "0"), "--stride\n  a stride of 0 is too small"),
        (("collective", "all-to-all", "--topology", "andromeda", "--devices", "16"), "use broadcast"),
        (("collective", "all-reduce", *NODE, "--ranks", "9"), "9 ranks, but 8 devices"),
        (("collective", "all-reduce", *NODE, "--ranks", "4", "--stride", "3"), "take 12 devices, but 8 are built"),
        (("collective", "all-reduce", *NODE, "--bytes", "1000"), "no unit"),
        (("collective", "all-reduce", *NODE, "--bytes", "1 parsec"), "is not a quantity"),
        (("collective", "all-reduce", *NODE, "--sizes", "1 GB"), "not a range"),
        (("collective", "all-reduce", *NODE, "--size", "nodes=3"), "allowed: devices_per_node"),
        (("draw", "hgx-a100-node", "--size", "nodes=3"), "--size\n  unknown topology size 'nodes'"),
        (("draw", "leaf-spine", "--size", f"nodes_per_leaf={'9' * 20}"), "at most 2147483647"),
        (("draw", "leaf-spine", "--size", "oversubscription=0.5"), "write a number, 1 or more"),
        (
            ("draw", "torus-2d", "--size", "x=99999", "--size", "y=99999"),
            "9,999,800,001 devices\n  at most 1,048,576 devices are simulated",
        ),
        (
            ("draw", "leaf-spine", "--devices", "64", "--size", "largest_nodes=1"),
            "has 8 with the sizes given (largest_nodes = 1)",
        ),
        (("draw", "hgx-a100-node", "--size", "devices_per_node"), "KEY=NUMBER"),
        (("draw", "hgx-a100-nod"), "did you mean 'hgx-a100-node'"),
        (("draw", "missing.toml"), "missing.toml"),
    ],
)
def test_bad_input_is_explained_and_writes_nothing(scaletax: Run, arguments: tuple[str, ...], says: str) -> None:
    code, out, err = scaletax(*arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err
    assert not list(Path.cwd().iterdir())


def test_a_folder_that_cannot_be_written(scaletax: Run) -> None:
    Path("file").write_text("in the way")
    code, _, err = scaletax("draw", "hgx-a100-node", "--out", "file/out")
    assert code == 2
    assert "cannot be written" in err


def test_the_command_line_knows_every_collective() -> None:
    assert tuple(name.replace("_", "-") for name in COLLECTIVES) == KINDS


def test_help_says_what_is_the_default(scaletax: Run) -> None:
    code, out, _ = scaletax("draw", "--help")
    assert code == 0
    assert "as many as" in out
