"""The command line as a user meets it: real processes, exit codes, files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def scaletax(*arguments: str | Path, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sim", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})


def test_run_prints_one_screen_and_names_files_that_exist(tmp_path: Path) -> None:
    done = scaletax("run", "quickstart", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "8 A100" in done.stdout
    assert "1 CS-2" in done.stdout
    lines = done.stdout.splitlines()
    assert len(lines) <= 24
    assert max(len(line) for line in lines if str(tmp_path) not in line) <= 80
    assert done.stdout.isascii()
    folder = tmp_path / "out"
    assert f"Next: {folder}/report.html | scaletax run quickstart" in " ".join(done.stdout.split())
    assert {"results.json", "summary.csv", "report.md", "report.html", "ledger.png", "ledger.svg"} <= {
        path.name for path in folder.iterdir()
    }


def test_json_on_stdout_is_the_written_document(tmp_path: Path) -> None:
    done = scaletax("run", "quickstart", "--out", tmp_path / "out", "--json", "--set", "report.charts=false")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "out" / "results.json").read_text())


@pytest.mark.slow
def test_the_resolved_copy_runs_to_the_same_results(tmp_path: Path) -> None:
    scaletax("run", "quickstart", "--out", tmp_path / "first", "--set", "report.charts=false")
    again = scaletax("run", tmp_path / "first" / "resolved.toml", "--out", tmp_path / "second")
    assert again.returncode == 0, again.stderr
    first, second = (json.loads((tmp_path / name / "results.json").read_text()) for name in ("first", "second"))
    assert [point["ledger"] for point in first["points"]] == [point["ledger"] for point in second["points"]]


@pytest.mark.slow
def test_worker_count_and_hash_seed_do_not_change_a_byte(tmp_path: Path) -> None:
    def document(name: str, jobs: int, hash_seed: str) -> bytes:
        command = [sys.executable, "-m", "sim", "run", "quickstart", "--out", str(tmp_path / name), "--jobs", str(jobs)]
        environment = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed}
        options = ["--set", "report.charts=false"]
        subprocess.run([*command, *options], cwd=ROOT, check=True, capture_output=True, env=environment)
        return (tmp_path / name / "results.json").read_bytes()

    assert document("a", 1, "1") == document("b", 2, "2")


@pytest.mark.parametrize(
    ("overrides", "code", "says"),
    [
        (["training.tokns=3"], 2, "did you mean 'training.tokens'"),
        (["training.global_batch=264"], 2, "no unit"),
        (["system.8 A100.devices=0"], 2, "devices"),
        (["system.8 A100.devices=9"], 2, "has 8"),
        (["system.8 A100.stack=fsdp-2032"], 2, "did you mean 'fsdp-2023'"),
        (["system.8 A100.stack=cerebras-r2"], 2, "does not run on"),
        (["system.8 A100.variation=wel-run"], 2, "did you mean 'well-run'"),
        (["system.variation=well-run", "system.jitter=1 %"], 2, "leave out one"),
        (["system.8 A100.plan.tensor=2"], 2, "no tensor parallelism"),
        (["system.8 A100.plan.micro_batch=2"], 2, "cannot be divided"),
        (
            ["system.8 A100.plan.micro_batch=33", "training.sequence=2048", "model.name=cerebras-gpt-13b"],
            3,
            "would fit",
        ),
        (["training.precision=fp8"], 2, "precision"),
    ],
)
def test_bad_input_is_explained_and_writes_nothing(tmp_path: Path, overrides: list[str], code: int, says: str) -> None:
    sets = [word for override in overrides for word in ("--set", override)]
    done = scaletax("check", "quickstart", *sets)
    assert done.returncode == code, done.stdout + done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_sweep_that_is_replaced_is_told_of_on_stderr(tmp_path: Path) -> None:
    path = tmp_path / "swept.toml"
    quickstart = (ROOT / "scenarios" / "quickstart.toml").read_text(encoding="utf-8")
    path.write_text(f'{quickstart}\n[sweep]\n"system.variation.kernel_jitter" = [0.1, 0.2]\n', encoding="utf-8")
    done = scaletax("check", path, "--set", "system.variation=well-run")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "note: the sweep over system.variation.kernel_jitter is replaced by --set system.variation\n"
    assert scaletax("check", path).stderr == ""


def test_a_failing_point_does_not_take_the_others_with_it(tmp_path: Path) -> None:
    done = scaletax(
        "run",
        "quickstart",
        "--out",
        tmp_path / "out",
        "--set",
        "system.8 A100.devices=9",
        "--set",
        "report.charts=false",
    )
    assert done.returncode == 2
    assert "1 of 2 points failed" in done.stderr
    assert "1 CS-2" in (tmp_path / "out" / "summary.csv").read_text()


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    done = scaletax("run", tmp_path / "missing.toml")
    assert done.returncode == 2
    assert "missing.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_output_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = scaletax("run", "quickstart", "--out", tmp_path / "file" / "out")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("what", ["models", "devices", "topologies", "stacks", "variations", "scenarios", "keys"])
def test_list(what: str) -> None:
    done = scaletax("list", what)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 4


def test_cite_names_sources_and_assumptions() -> None:
    done = scaletax("cite", "quickstart")
    assert done.returncode == 0, done.stderr
    assert "arXiv 2304.03208" in done.stdout
    assert "assumed" in done.stdout.lower()


def test_cite_gives_entries_of_bibtex() -> None:
    done = scaletax("cite", "quickstart", "--bibtex")
    assert done.returncode == 0, done.stderr
    assert "@misc{scaletax," in done.stdout
    assert "eprint = {2304.03208}" in done.stdout


def test_cite_without_a_file_says_how_to_cite_scaletax() -> None:
    done = scaletax("cite")
    assert done.returncode == 0, done.stderr
    assert "The scaletax authors" in done.stdout.splitlines()[0]
    assert "@misc{scaletax," in done.stdout
    done = scaletax("cite", "--set", "seed=1")
    assert done.returncode == 2
    assert "name the scenario" in done.stderr


def test_options_are_what_people_expect() -> None:
    text = scaletax("run", "--help").stdout
    assert [option for option in ("--set", "--out", "--jobs", "--json", "--quiet") if option not in text] == []


def test_several_stacks_are_looked_at_and_their_range_is_said(tmp_path: Path) -> None:
    (tmp_path / "one.toml").write_text(
        'schema = 1\n[model]\nname = "cerebras-gpt-111m"\n[training]\ntokens = 1e9\nglobal_batch = "64 sequences"\n'
        '[[system]]\nname = "node"\ntopology = "hgx-a100-node"\ndevices = 8\nstack = "fsdp-2023"\n'
        "plan = { micro_batch = 8 }\n"
    )
    done = scaletax("run", "one.toml", "--stack", "megatron-2023,megatron-latest", "--no-charts", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "over 2 stacks (megatron-2023, megatron-core-2024)." in said
    results = json.loads((tmp_path / "results" / "one" / "results.json").read_text())
    assert [point["stack"] for point in results["points"]] == ["megatron-2023", "megatron-core-2024"]


def test_a_search_with_several_stacks_says_the_range_of_the_best_plans(tmp_path: Path) -> None:
    options = ("--topology", "hgx-a100-node", "--devices", "8", "--batch", "64", "--no-charts", "--out", tmp_path)
    done = scaletax("plan", "--model", "cerebras-gpt-111m", *options, "--stack", "fsdp-2023,torchtitan-latest")
    assert done.returncode == 0, done.stderr
    said = " ".join(done.stdout.split())
    assert "Over 2 stacks a step takes" in said
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "Best plans: hgx-a100-node on 8 devices: a step of" in report
    assert "over 2 stacks (fsdp-2023, torchtitan-2025)." in report


def test_quiet_says_only_where_the_files_are(tmp_path: Path) -> None:
    done = scaletax("run", "quickstart", "--quiet", "--no-charts", "--out", tmp_path / "out")
    assert done.stdout.split() == ["Next:", f"{tmp_path / 'out' / 'report.html'}"]


def test_a_trace_is_written_beside_the_report_which_links_it(tmp_path: Path) -> None:
    options = ("--quiet", "--no-charts", "--out", tmp_path / "out")
    done = scaletax("run", "quickstart", *options, "--trace")
    assert done.returncode == 0, done.stderr
    assert f"| {tmp_path / 'out' / 'trace*'}" in " ".join(done.stdout.split())
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    for name in ("trace-8-a100-8.json", "trace-1-cs-2-1.json"):
        assert json.loads((tmp_path / "out" / name).read_text(encoding="utf-8"))["traceEvents"]
        assert name in page
        assert name in json.loads((tmp_path / "out" / "results.json").read_text())["files"]


@pytest.mark.parametrize(("steps", "said"), [("0", "x>=1"), ("three", "not a valid integer"), ("101", "101 steps")])
def test_a_senseless_number_of_steps_is_refused(tmp_path: Path, steps: str, said: str) -> None:
    done = scaletax("run", "quickstart", "--quiet", "--no-charts", "--out", tmp_path / "out", "--trace", steps)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()
