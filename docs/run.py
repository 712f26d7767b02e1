"""Simulates the runs of docs/run.md and rewrites its tables and its chart. Run with `make docs`."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from pages import DOCS, rewrite
from pages import plain_table as table

from sim.catalog import device_names, load_model, load_reliability, reliability_names, reliability_of
from sim.hardware.topology import Storage
from sim.outcome.outcome import Outcome
from sim.outcome.run.closed_form import effective_time_ratio, expected_cycle_s, young_interval_s
from sim.outcome.run.conditions import Checkpoints, Conditions
from sim.outcome.run.recovery import Cluster, between_s, conditions
from sim.outcome.run.simulated import TRAINING, Runs, simulate_runs
from sim.page.numbers import duration, percent, signed_percent
from sim.parallel.checkpoint import checkpoint_bytes
from sim.report.charts.canvas import quiet, save, sheet, sheet_of
from sim.scenario.run_request import CheckpointRequest, Interval, RunRequest
from sim.scenario.types import Training
from sim.study.published import checked
from sim.sweep.execute import Failure, run_points
from sim.sweep.grid import load
from sim.units import SECONDS_PER_YEAR
from sim.validation.whole_runs import WholeRun, read_whole_runs

PAGE = DOCS / "run.md"
DAY_S = 86400.0
RUNS, SEED = 1000, 0
SIZES = (256, 1024, 4096, 16_384, 65_536)
STEP_S = 10.0
DAYS = 30
LLAMA_3_STORAGE = Storage(2e12, 2e12, 240e15)


def simulated(run: Conditions) -> tuple[Runs, float]:
    """Runs under some conditions, and the share of their time that trains."""
    found = simulate_runs(run, RUNS, np.random.default_rng(SEED))
    return found, float(found.lines_s[TRAINING].sum() / found.times_s.sum())


def usual(profile: str, devices: int, days: float = DAYS, step_s: float = STEP_S, **asked: object) -> Conditions:
    """A run of so many days of training of a model of 70 billion parameters, on nodes of eight."""
    size_bytes = checkpoint_bytes(load_model("llama-3-70b"), Training(1e12, 8192, 1))
    request, cluster = RunRequest(**asked), Cluster(devices, devices // 8)  # type: ignore[arg-type]
    return conditions(request, load_reliability(profile), cluster, size_bytes, days * DAY_S / step_s, step_s, 0.0)


def profiles_table() -> str:
    """A row for each profile: its rate in three ways, and what a failure costs on 1,024 devices."""
    rows = []
    for name in reliability_names()[1:]:
        profile = load_reliability(name)
        node = 1 if name == "wafer" else 8
        a_day = DAY_S / between_s(profile.failures, Cluster(1024, 1024 // node))
        (figure,) = (one for one in profile.figures if one.name == "failures")
        rows.append(
            (
                name,
                ", ".join(_defaults(name)) or "-",
                f"{a_day / 1024 * SECONDS_PER_YEAR / DAY_S:.3g}",
                f"{a_day / 1024 * node * 1000:.3g}",
                duration(DAY_S / a_day),
                duration(profile.detection_s + profile.restart_s + profile.hardware_share * profile.replacement_s),
                f"{figure.kind}, {figure.source}" if figure.source else figure.kind,
            )
        )
    headers = ("profile", "default for", "a device-year", "1000 node-days", "apart on 1,024", "down for", "rate is")
    return table(rows, *headers)


def _defaults(name: str) -> list[str]:
    return [device for device in device_names() if reliability_of(device).name == name]


def formulas_table() -> str:
    """Goodput as simulated, to first order, and exactly; an hour of work between checkpoints."""
    rows = []
    for between_h, write_s, recovery_s in ((96, 60, 600), (24, 60, 600), (6, 60, 600), (24, 600, 600), (2, 60, 300)):
        checkpoints = Checkpoints(360, float(write_s), float(write_s), 0.0)
        mean_s = between_h * 3600.0
        run = Conditions(
            60 * DAY_S / STEP_S,
            STEP_S,
            checkpoints=checkpoints,
            between_failures_s=mean_s,
            recovery_s=float(recovery_s),
        )
        own = simulated(run)[1]
        first = float(effective_time_ratio(3600.0, write_s, mean_s, recovery_s))
        exact = 3600.0 / float(expected_cycle_s(3600.0, write_s, mean_s, recovery_s))
        words = f"{between_h} h", f"{write_s} s", f"{recovery_s} s"
        rows.append(
            (*words, *(f"{100 * share:.2f} %" for share in (own, first, exact)), signed_percent(own / exact - 1))
        )
    headers = ("a failure every", "a checkpoint takes", "down for", "simulated", "Kokolis et al.", "Daly", "over Daly")
    return table(rows, *headers)


def intervals_table() -> str:
    """The interval that is chosen against Young's, and goodput at half and at double of it."""
    rows = []
    for devices in SIZES[1:]:
        run = usual("llama-3", devices)
        every, young_s = run.checkpoints.every_steps, young_interval_s(run.checkpoints.write_s, run.between_failures_s)
        shares = [
            simulated(usual("llama-3", devices, checkpoint=CheckpointRequest(Interval(steps=steps))))[1]
            for steps in (max(1, every // 2), every, 2 * every)
        ]
        times = run.between_failures_s, run.checkpoints.write_s, float(young_s), every * STEP_S
        rows.append((f"{devices:,}", *(duration(one) for one in times), *(f"{100 * share:.2f} %" for share in shares)))
    headers = ("devices", "a failure every", "writing", "Young", "chosen", "half of it", "chosen", "double of it")
    return table(rows, *headers)


def published_table() -> str:
    """What was published of failures and goodput, beside the simulation of it."""
    llama = conditions(
        RunRequest(),
        load_reliability("llama-3"),
        Cluster(16_384, 2048, LLAMA_3_STORAGE),
        checkpoint_bytes(load_model("llama-3-405b"), Training(1e12, 8192, 1)),
        49.0 * DAY_S / 5.0,
        5.0,
        0.0,
    )
    bloom = conditions(
        RunRequest(checkpoint=CheckpointRequest(Interval(steps=100)), spares=4),
        load_reliability("bloom"),
        Cluster(384, 48, Storage(57.5e9, 57.5e9, None)),
        checkpoint_bytes(load_model("bloom-176b"), Training(1e12, 2048, 1)),
        114.0 * DAY_S / 105.0,
        105.0,
        0.0,
    )
    opt = usual("opt-175b", 992, 55, 20.0, checkpoint=CheckpointRequest(Interval(seconds=3 * 3600.0)))
    rsc = usual("rsc-1", 4096, 14, checkpoint=CheckpointRequest(Interval(seconds=3600.0)))
    rows = []
    for words, run, published in (
        ("Llama 3, 16,384 H100", llama, "419 in 54 days; over 90 %"),
        ("BLOOM, 384 A100", bloom, "1 to 2 a week; not published"),
        ("OPT-175B, 992 A100", opt, "105 and more in two months; 88 % (second-hand)"),
        ("RSC-1, 4,096 A100, checkpoints every hour", rsc, "7.9 h apart on 1,024 in observed jobs; 90 % and more"),
    ):
        found, share = simulated(run)
        low, high = np.percentile(found.failures, [10, 90])
        days = found.times_s.mean() / DAY_S
        numbers = f"{days:.1f}", f"{found.failures.mean():.0f}", f"{low:.0f} to {high:.0f}"
        rows.append((words, published, *numbers, percent(share)))
    return table(rows, "run", "published", "days", "failures", "P10 to P90", "goodput")


def outcomes(wanted: Sequence[WholeRun]) -> dict[str, Outcome]:
    """Every wanted run as its scenario file has it, by entry; a failing point raises."""
    found = {}
    for scenario in dict.fromkeys(one.scenario for one in wanted):
        entries = {one.entry for one in wanted if one.scenario == scenario}
        loaded = load(DOCS.parent / "scenarios" / f"{scenario}.toml")
        for result in run_points([one for one in loaded.scenarios if one.entry in entries]):
            if isinstance(result, Failure):
                raise result.error
            found[result.scenario.entry] = result
    return found


def whole_row(run: WholeRun, outcome: Outcome) -> tuple[str, ...]:
    """One row of the table of whole runs."""
    published = outcome.scenario.published
    (compared, *_) = checked(outcome)
    shown = f"{published.device_hours:,.0f} h" if published.device_hours else duration(published.time_s)
    kind = "fit row" if run.fitted else run.kind
    return (
        run.entry,
        f"{outcome.devices:,}",
        shown,
        "yes" if published.clean else "no",
        f"{outcome.undisturbed_s * outcome.devices / 3600:,.0f} h",
        f"{outcome.run.mean_s * outcome.devices / 3600:,.0f} h",
        percent(outcome.run.goodput),
        f"{outcome.run.mean_failures:.1f}",
        signed_percent(compared.error),
        "yes" if run.checks else f"no: {kind}",
        run.why or "-",
    )


WHOLE_HEADERS = (
    "run", "devices", "published", "clean", "steps alone", "whole run", "goodput", "failures", "error", "counts",
    "likely cause",
)  # fmt: skip


def whole_table(wanted: Sequence[WholeRun], found: dict[str, Outcome]) -> str:
    """Time to train against published device-hours and days, and what the checks say in all."""
    errors = {
        kind: [checked(found[one.entry])[0].error for one in wanted if one.checks and one.kind == kind]
        for kind in ("clean", "billed")
    }
    lines = [
        f"- {words}: {len(those)} checks, median absolute error {100 * statistics.median(map(abs, those)):.1f} %, from"
        f" {signed_percent(min(those))} to {signed_percent(max(those))}."
        for words, those in (("Clean", errors["clean"]), ("Billed", errors["billed"]))
    ]
    rows = [whole_row(one, found[one.entry]) for one in wanted]
    return "\n".join([table(rows, *WHOLE_HEADERS), "", *lines])


def goodput_figure() -> Figure:
    """Goodput against cluster size: a curve for each profile of GPUs."""
    caption = (
        f"{DAYS} days of training of a model of 70 billion parameters, steps of {STEP_S:g} s, checkpoints written at"
        " 1 GB/s for each node, synchronously, as often as is best."
    )
    (ax,) = sheet([3.6], "Share of the wall time that trains, by cluster size and reliability", caption)
    for name in (one for one in reliability_names()[1:] if one != "wafer"):
        shares = [100 * simulated(usual(name, devices))[1] for devices in SIZES]
        ax.plot(SIZES, shares, marker="o", markersize=4, label=load_reliability(name).title)
    ax.set_xscale("log", base=2)
    ax.set_xticks(SIZES, [f"{size:,}" for size in SIZES])
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel("devices")
    ax.set_ylabel("goodput, %")
    ax.set_ylim(0, 102)
    ax.legend(frameon=False, fontsize=8, loc="lower left")
    quiet(ax)
    return sheet_of(ax)


def main() -> None:
    """Rewrite the page's blocks and redraw its chart."""
    wanted = read_whole_runs()
    blocks = {
        "profiles": profiles_table(),
        "formulas": formulas_table(),
        "intervals": intervals_table(),
        "published": published_table(),
        "whole-runs": whole_table(wanted, outcomes(wanted)),
    }
    rewrite(PAGE, blocks)
    with tempfile.TemporaryDirectory() as folder:
        drawn = save(goodput_figure(), Path(folder), "goodput")
        shutil.copy(next(path for path in drawn if path.suffix == ".png"), DOCS / "figures" / "goodput.png")


if __name__ == "__main__":
    main()
