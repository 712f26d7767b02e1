"""The commands about sweeps: what they print and write, how they stop, and what they refuse."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pandas
import pytest
from pyarrow import parquet

from sim.cli import main
from sim.sweep.store import StoreError, read_only
from sim.sweep.tables import frame

ROOT = Path(__file__).parents[1]
TEXT = """
schema = 1
title = "points"
[model]
name = "cerebras-gpt-111m"
[training]
tokens = 2e9
sequence = 512
global_batch = "48 sequences"
[[system]]
name = "one"
topology = "dgx-a100-superpod"
devices = 8
stack = "fsdp-2023"
plan = { micro_batch = 1 }
[sweep]
"system.devices" = [4, 8, 16]
seed = [1, 2]
"""


def scaletax(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command in this process, which spares the time that a new one needs to begin."""
    out, err, command = io.StringIO(), io.StringIO(), ["scaletax", *map(str, arguments)]
    with (
        mock.patch.object(sys, "argv", command),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main()
    return subprocess.CompletedProcess(command, int(ended.value.code or 0), out.getvalue(), err.getvalue())


def command_of(*arguments: str | Path) -> list[str]:
    """The same for a process of its own."""
    return [sys.executable, "-m", "sim", *map(str, arguments)]


def environment(seed: str = "0") -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed}


def wait_for_points(out: Path) -> None:
    """Wait until a sweep has kept some points."""
    for _ in range(600):
        time.sleep(0.1)
        if (out / "sweep.sqlite").is_file():
            try:
                with read_only(out) as store:
                    if store.counts()[1]:
                        return
            except StoreError:
                continue
    raise AssertionError("no point was kept within a minute")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("cli")
    file = folder / "file.toml"
    file.write_text(TEXT, encoding="utf-8")
    found = scaletax("sweep", file, "--out", folder / "out", "--jobs", "2")
    assert found.returncode == 0, found.stderr
    assert "points: 6 of 6 points done, 0 failed, 6 new" in found.stdout
    return file, folder / "out"


def test_going_on_computes_nothing_and_says_so(done: tuple[Path, Path]) -> None:
    file, out = done
    before = (out / "points.csv").read_bytes()
    again = scaletax("sweep", file, "--out", out)
    assert "points: 6 of 6 points done, 0 failed, 0 new" in again.stdout
    assert (out / "points.csv").read_bytes() == before


def same_tables(one: Path, other: Path) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in ("points.csv", "points.parquet"))


def test_the_number_of_workers_changes_no_byte(done: tuple[Path, Path], tmp_path: Path) -> None:
    file, out = done
    scaletax("sweep", file, "--out", tmp_path, "--jobs", "3")
    assert same_tables(tmp_path, out)


@pytest.mark.slow
def test_a_process_of_its_own_and_its_hash_seed_change_no_byte(done: tuple[Path, Path], tmp_path: Path) -> None:
    file, out = done
    for seed in ("1", "2"):
        command = command_of("sweep", file, "--out", tmp_path / seed, "--jobs", "1")
        subprocess.run(command, cwd=ROOT, env=environment(seed), capture_output=True, timeout=120, check=True)
        assert same_tables(tmp_path / seed, out)


def test_tables_agree(done: tuple[Path, Path]) -> None:
    _, out = done
    read = pandas.read_csv(out / "points.csv")
    stored = parquet.read_table(out / "points.parquet").to_pandas()
    mine = frame(out)
    assert list(read.columns) == list(stored.columns) == list(mine.columns)
    assert len(read) == len(stored) == len(mine) == 6
    for name in ("devices", "seed", "step_time_s", "time_to_train_s", "useful_device_s", "rental_usd"):
        assert read[name].tolist() == stored[name].tolist() == mine[name].tolist()
    assert mine["error"].isna().all()
    assert mine["devices"].tolist() == [4, 4, 8, 8, 16, 16]


def test_axes_and_limits_of_the_command_line(done: tuple[Path, Path], tmp_path: Path) -> None:
    file, _ = done
    changes = ("--sweep", "seed=5,6,7", "--set", "training.sequence=256", "--limit", "4", "--jobs", "1")
    found = scaletax("sweep", file, *changes, "--out", tmp_path / "out")
    assert found.returncode == 0, found.stderr
    assert frame(tmp_path / "out")["seed"].tolist() == [5, 6, 7, 5]
    assert (
        "points: 1 of 1 point done, 0 failed, 1 new"
        in scaletax("sweep", file, "--limit", "1", "--out", tmp_path / "one").stdout
    )


def test_points_that_fail_are_counted_and_told(done: tuple[Path, Path], tmp_path: Path) -> None:
    file, _ = done
    found = scaletax("sweep", file, "--sweep", "system.devices=4,5,7", "--out", tmp_path / "out", "--jobs", "1")
    assert found.returncode == 1
    assert "points: 2 of 6 points done, 4 failed, 6 new" in found.stdout
    told = " ".join(found.stdout.split())
    assert "2 failed: a global batch of 48 sequences cannot be divided by data 5 x micro_batch 1 = 5" in told
    assert told.count("at 'one', system.devices = 5, seed = 1") == 1
    assert "the first at 'one', system.devices = 5, seed = 1; change the batch to a multiple of 5" in told
    assert "Traceback" not in found.stderr
    rows = frame(tmp_path / "out")
    assert rows["error"].notna().tolist() == [False, False, True, True, True, True]
    assert scaletax("sweep", file, "--sweep", "system.devices=4,5,7", "--out", tmp_path / "out").returncode == 1


def test_a_check_of_a_sweep_says_of_which_point(done: tuple[Path, Path]) -> None:
    file, _ = done
    big = ("--set", "model.name=gpt3-175b", "--set", "training.sequence=2048")
    found = scaletax("check", file)
    assert found.returncode == 0, found.stderr
    heads = [line.partition(",")[0] for line in found.stdout.splitlines() if line.startswith("one")]
    sizes = [(seed, devices) for devices in (4, 8, 16) for seed in (1, 2)]
    assert heads == [f"one (seed {seed}): {devices} x NVIDIA A100 80 GB SXM" for seed, devices in sizes]
    refused = scaletax("check", file, *big)
    assert refused.returncode == 3
    for seed, devices in sizes:
        assert refused.stderr.count(f"\n  at the sweep point system.devices = {devices}, seed = {seed}\n") == 1


def test_a_stopped_sweep_says_how_to_go_on(
    done: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.sweep.sweep.run_sweep", mock.Mock(side_effect=KeyboardInterrupt))
    found = scaletax("sweep", done[0], "--fresh", "--out", tmp_path)
    assert found.returncode == 130
    assert "everything that was finished is kept" in found.stderr
    assert f"scaletax sweep {done[0]} --out {tmp_path}" in found.stderr


@pytest.mark.slow
def test_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    file = tmp_path / "file.toml"
    file.write_text(TEXT.replace("seed = [1, 2]", "seed = { range = [1, 60, 1] }"), encoding="utf-8")
    command = command_of("sweep", file, "--out", tmp_path / "out", "--jobs", "2")
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environment())
    wait_for_points(tmp_path / "out")
    process.send_signal(signal.SIGINT)
    # It takes a fraction of a second; a machine that is busy with other tests may need longer.
    _, told = process.communicate(timeout=10)
    assert process.returncode == 130
    assert "everything that was finished is kept" in told
    assert "scaletax sweep" in told
    assert "Traceback" not in told
    again = scaletax("sweep", file, "--out", tmp_path / "out", "--jobs", "2")
    assert "points: 180 of 180 points done, 0 failed, " in again.stdout
    assert "failed, 180 new" not in again.stdout


def test_a_grid_of_a_billion_points_is_refused_at_once(done: tuple[Path, Path], tmp_path: Path) -> None:
    file, _ = done
    axes = [f"--sweep={key}={{ range = [1, 1000, 1] }}" for key in ("seed", "steps", "system.devices")]
    found = scaletax("sweep", file, *axes, "--out", tmp_path / "out")
    assert found.returncode == 2
    assert "the grid has 1,000,000,000 points: 1,000 x 1,000 x 1,000" in found.stderr
    assert "--limit N" in found.stderr
    assert not (tmp_path / "out").exists()


def test_folders_that_cannot_be_used_are_told(done: tuple[Path, Path], tmp_path: Path) -> None:
    file, _ = done
    (tmp_path / "file").write_text("in the way")
    for arguments in (
        ("sweep", file, "--out", tmp_path / "file"),
        ("sweep", file, "--out", tmp_path / "out", "--executor", "moon"),
        ("plot", tmp_path / "nowhere"),
    ):
        found = scaletax(*arguments)
        assert found.returncode == 2
        assert found.stderr.startswith("error: ")
        assert "Traceback" not in found.stderr


def test_plots_are_written_beside_the_sweep(done: tuple[Path, Path], tmp_path: Path) -> None:
    _, out = done
    found = scaletax("plot", out, "--out", tmp_path)
    assert found.returncode == 0, found.stderr
    names = {path.name for path in tmp_path.iterdir()}
    usual = ("mfu", "distribution-tax", "time-to-train", "ledger", "time-against-cost")
    assert {f"{name}.png" for name in usual} <= names
    one = scaletax("plot", out, "--x", "devices", "--y", "time_to_train", "--by", "system", "--out", tmp_path)
    assert "Drawn: time-to-train-against-devices; PNG and SVG" in one.stdout
    heat = scaletax("plot", out, "--x", "devices", "--by", "seed", "--y", "goodput", "--heat-map", "--out", tmp_path)
    assert "heat-map-goodput" in heat.stdout
    wrong = scaletax("plot", out, "--y", "goodputt", "--out", tmp_path)
    assert wrong.returncode == 2
    assert "did you mean 'goodput'" in wrong.stderr


def test_a_damaged_store_is_told_and_gone_on_with(done: tuple[Path, Path], tmp_path: Path) -> None:
    file, out = done
    (tmp_path / "sweep.sqlite").write_bytes((out / "sweep.sqlite").read_bytes()[:20000])
    found = scaletax("sweep", file, "--out", tmp_path, "--jobs", "1")
    assert found.returncode == 0, found.stderr
    assert "was damaged" in found.stderr
    assert "Traceback" not in found.stderr
    assert (tmp_path / "points.csv").read_bytes() == (out / "points.csv").read_bytes()


def test_records_are_json_with_plan_and_warnings(done: tuple[Path, Path]) -> None:
    with read_only(done[1]) as store:
        names, record, failed = next(store.records())
    assert names == {"title": "points", "system.devices": 4, "seed": 1}
    assert not failed
    assert record["plan"]["micro_batch"] == 1
    assert isinstance(record["warnings"], list)
    json.dumps(record, allow_nan=False)
