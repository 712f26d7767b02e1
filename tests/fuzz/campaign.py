"""One mutated input after another through the command line, in this process: what came of it.

python tests/fuzz/campaign.py FIRST LAST    every seed from FIRST up to LAST, faults on the screen
"""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest import mock

import mutations

from sim.cli import main
from sim.sweep.executors import Workplace

ENDS = {0, 2, 3, 4}
"""Exit codes that answer an input; 1 as well where points of a sweep failed."""
HANGS_AFTER_S = 60
"""Far beyond what any input that is not refused takes here."""
SLOW_S = 10
CSV = """id,source,gpu,year,n_gpus,model,layers,d_model,heads,vocab,seq_len,micro_batch,\
global_batch_sequences,dp,tp,pp,precision,step_time_s,verified
one,mine,a100-80gb,2023,8,small,4,256,4,1000,256,2,64,8,1,1,bf16,0.05,yes
two,mine,h100-sxm,2023,16,small,4,256,4,1000,256,2,64,4,2,2,bf16,0.05,yes
"""


class Ended(NamedTuple):
    """How a call of the command line ended."""

    words: tuple[str, ...]
    code: int
    said: str
    fault: str
    """What is wrong with that; empty where nothing is."""


class _Here(Executor):
    """Does the work at once, in this process."""

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(work(*arguments, **named))
        return future


def tried(random: Random) -> Ended:
    """One mutated input through one command."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        words = _case(random, Path(name))
        return called(words, Path(name))


def called(words: tuple[str, ...], folder: Path) -> Ended:
    """One command in a folder, without drawing and without other processes."""
    out, place = io.StringIO(), Workplace(_Here, lambda executor: None, 1)
    with (
        mock.patch("sys.argv", ["scaletax", *words]),
        mock.patch("sim.sweep.executors.workplace", return_value=place),
        mock.patch("sim.report.charts.canvas.save", _not_drawn),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(out),
        _watched(),
    ):
        code: Any = "a traceback"
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        except BaseException:
            out.write(traceback.format_exc())
    said = out.getvalue()
    return Ended(words, code, said, _fault(words, code, said, folder))


def _fault(words: tuple[str, ...], code: Any, said: str, folder: Path) -> str:
    allowed = ENDS | ({1} if words[0] == "sweep" else set())
    if code not in allowed:
        return f"exit {code}"
    if "Traceback" in said:
        return "a traceback"
    for results in folder.rglob("results.json"):
        try:
            json.loads(results.read_text(encoding="utf-8"), parse_constant=_refuse)
        except ValueError as error:
            return str(error)
    return ""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} in results.json")


def _not_drawn(figure: Any, folder: Path, name: str) -> list[Path]:
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    for path in paths:
        path.touch()
    return paths


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    """What hangs ends, as a fault."""

    def late(*_: object) -> None:
        raise BaseException(f"not done after {HANGS_AFTER_S} s of computing")

    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, HANGS_AFTER_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _case(random: Random, folder: Path) -> tuple[str, ...]:
    """Write a mutated input into a folder; return a command for it."""
    kind = random.choices(
        ("check", "run", "plan", "sweep", "topology", "options", "data", "list"), (30, 25, 10, 12, 12, 6, 4, 1)
    )[0]
    if kind == "topology":
        return _topology_case(random, folder)
    if kind == "options":
        return _options_case(random)
    if kind == "data":
        (folder / "my.csv").write_bytes(mutations.spoilt(CSV.encode(), random))
        return "validate", "--data", "my.csv", "--out", "out"
    if kind == "list":
        return "list", random.choice(("models", "topologies", "scenarios", "prices", str(mutations.odd(random))[:100]))
    of_shelf = random.random() < (0.15 if kind == "check" else 0.02)
    documents = mutations.shelved_scenarios() if of_shelf else mutations.small_scenarios()
    document = mutations.mutated(random.choice(documents), random, random.choice((1, 1, 1, 2, 3)))
    (folder / "my.toml").write_bytes(mutations.written(document, random))
    setting = ("--set", _setting(random)) if random.random() < 0.1 else ()
    if kind == "check":
        return random.choice(("check", "check", "cite")), "my.toml", *setting
    if kind == "sweep":
        axis = ("--sweep", _setting(random)) if random.random() < 0.2 else ()
        return "sweep", "my.toml", *setting, *axis, "--limit", "2", "--out", "out"
    return kind, "my.toml", *setting, "--jobs", "1", "--out", "out"


def _setting(random: Random) -> str:
    key = random.choice(("training.tokens", "system.devices", "seed", "steps", "model.hidden", "system.plan.tensor"))
    value = mutations.odd(random)
    return random.choice((f"{key}={value}", f"{key}={value},{mutations.odd(random)}", str(value), f"{key}x={value}"))


def _topology_case(random: Random, folder: Path) -> tuple[str, ...]:
    """A mutated topology: drawn, asked for a collective, or run on."""
    topology = mutations.mutated(random.choice(mutations.topologies()), random, random.choice((1, 1, 2)))
    (folder / "net.toml").write_bytes(mutations.written(topology, random))
    devices = str(random.choice((1, 2, 8, 16, 64, 256)))
    command = random.randrange(3)
    if command == 0:
        return "draw", "net.toml", *(("--devices", devices) if random.random() < 0.8 else ()), "--out", "out"
    if command == 1:
        kind = random.choice(("all-reduce", "all-gather", "all-to-all", "broadcast"))
        return "collective", kind, "--topology", "net.toml", "--devices", devices, "--out", "out"
    document = dict(random.choice(mutations.small_scenarios()[1:]))
    document["system"] = [{**document["system"][0], "topology": "net.toml"}]
    (folder / "my.toml").write_bytes(mutations.written(document, random))
    return "check", "my.toml"


def _options_case(random: Random) -> tuple[str, ...]:
    """Commands that take their input from options alone."""

    def odd(*usual: str) -> str:
        value = random.choice(usual) if random.random() < 0.6 else str(mutations.odd(random))
        return value.replace("\x00", "\\0")

    return random.choice(
        [
            ("budget", "--compute", odd("1e21", "5.76e23"), "--device", odd("h100-sxm"), "--mfu", odd("40 %", "0.4")),
            ("budget", "--parameters", odd("1B"), "--tokens", odd("20B"), "--inference-tokens", odd("1T")),
            ("budget", "--target-loss", odd("2.2", "1.9"), "--law", odd("chinchilla-epoch")),
            (
                "collective", "all-reduce", "--topology", odd("hgx-a100-node", "dgx-a100-superpod"),
                "--devices", odd("8"),
                "--bytes", odd("1 GB"), "--sizes", odd("32 KiB:16 GiB"), "--ranks", odd("2", "8"), "--stride", odd("1"),
            ),
            ("draw", odd("dgx-a100-superpod", "dragonfly"), "--devices", odd("64"), "--size", f"x={odd('2')}"),
            (
                "plan", "--model", odd("cerebras-gpt-111m"), "--topology", odd("hgx-a100-node"), "--devices", odd("4"),
                "--batch", odd("16"), "--sequence", odd("512"), "--only", odd("tensor <= 2"), "--sizes", odd("2,4"),
                "--tokens", odd("1e9"), "--memory-margin", odd("10 %"), "--top", odd("3"), "--jobs", "1",
            ),
            ("cite", odd("quickstart", "stragglers")),
        ]
    )  # fmt: skip


def _main(first: int, last: int) -> None:
    """Try every seed; keep the inputs that end badly."""
    bad = 0
    for seed in range(first, last):
        begun_s = time.process_time()
        ended = tried(Random(seed))
        took_s = time.process_time() - begun_s
        if took_s > SLOW_S:
            print(f"seed {seed}: {took_s:.0f} s: {' '.join(ended.words)[:150]}", flush=True)
        if ended.fault:
            bad += 1
            lines = [line for line in ended.said.splitlines() if line.strip()]
            said = "\n    ".join(lines[-6:])
            print(f"seed {seed}: {ended.fault}: {' '.join(ended.words)[:150]}\n    {said[:900]}", flush=True)
        shutil.rmtree("results", ignore_errors=True)
    print(f"{last - first} inputs, {bad} faults")


if __name__ == "__main__":
    _main(int(sys.argv[1]), int(sys.argv[2]))
