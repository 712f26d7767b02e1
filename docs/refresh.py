"""Redraws the figures of the documentation and rewrites the README's generated blocks. Run with `make docs`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pages import DOCS, ROOT, block, bullets, found_of, rewrite

from sim.asked import asked
from sim.catalog import DEFAULT_LAW, load_law
from sim.hardware.network.study import read_study
from sim.hardware.topology import load_topology
from sim.outcome.outcome import Outcome
from sim.outcome.quality.study import Question, answer
from sim.page.markdown import table_markdown
from sim.page.terminal import screen
from sim.report.catalogue import metrics_blocks
from sim.report.catalogue.machines import latest_markdown, options_markdown, stacks_markdown
from sim.report.charts import chart_files
from sim.report.charts.budget import budget_figure
from sim.report.charts.bus_bandwidth import bus_bandwidth_figure
from sim.report.charts.canvas import save
from sim.report.charts.plans import effort_figure, plans_figure
from sim.report.charts.topology import topology_figure
from sim.report.plan import TOP, plan_screen
from sim.report.run import run_answer, run_screen
from sim.report.sentences import sentences
from sim.report.stragglers import steps_table
from sim.report.validation.markdown import table_block
from sim.study.findings import Findings
from sim.study.plans import study_all, systems_of
from sim.study.points import curves
from sim.validation.collectives import collectives_sentences, collectives_table, compare_collectives, sweeps
from sim.validation.operators import compare_operators, operator_errors, operators_sentences, operators_table
from sim.validation.spread_comparison import SPREAD_LEGEND, compare_spread, spread_headline, spread_table

_SIZES = (256, 400, 512, 600, 1000)


def draw(points: Sequence[Outcome], wanted: dict[str, str]) -> None:
    """Draw all charts of some points and keep the wanted ones: start of the chart's name -> name in docs/figures."""
    with tempfile.TemporaryDirectory() as folder:
        for path in chart_files(points, Path(folder)):
            for start, name in wanted.items():
                if path.suffix == ".png" and path.stem.startswith(start):
                    shutil.copy(path, DOCS / "figures" / f"{name}.png")


def indented(text: str) -> str:
    """A block of program output in Markdown."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def answer_to(claim: Findings) -> list[str]:
    """What the main scenario says in short: what is as fast as what, and what splitting costs."""
    return [*run_answer(claim), *sentences(claim.curves)]


def differing(points: Sequence[Outcome]) -> str:
    """How steps differ at the largest of some sizes, as a table."""
    largest = max(point.devices for point in points)
    return table_markdown(steps_table(curves([point for point in points if point.devices == largest])))


def first_screen(found: Findings) -> str:
    """A first screen as wide as the narrowest terminal, without how long the run took."""
    return indented(screen(run_screen(found)))


def first_plan() -> str:
    """The first screen of the search that the README asks for."""
    scenarios = asked(model="llama-3-8b", topology="dgx-h100-superpod", devices=64, batch="512 sequences")
    return indented(screen(plan_screen(study_all(systems_of(scenarios, []), TOP)[0])))


def stacks_page() -> str:
    """The page on stacks with its tables, from the catalogue."""
    page = (DOCS / "stacks.md").read_text(encoding="utf-8")
    for name, text in (("guide", stacks_markdown()), ("latest", latest_markdown()), ("options", options_markdown())):
        page = block(name, text, page)
    return page


def compared() -> None:
    """Write the tables of comparisons with what is not the time of a training step."""
    collectives, operators, steps = compare_collectives(), compare_operators(), compare_spread()
    table = table_block(collectives_table(sweeps(collectives)), *collectives_sentences(collectives))
    rewrite(DOCS / "network.md", {"collectives": table})
    table = table_block(operators_table(operator_errors(operators)), *operators_sentences(operators))
    rewrite(DOCS / "validation.md", {"operators": table})
    table = table_block(spread_table(steps), SPREAD_LEGEND, spread_headline(steps))
    rewrite(DOCS / "step-spread.md", {"spread": table})


def listed() -> None:
    """Write what is listed of the catalogue and of metrics."""
    (DOCS / "stacks.md").write_text(stacks_page(), encoding="utf-8")
    rewrite(DOCS / "metrics.md", metrics_blocks())


def main() -> None:
    """Refresh everything."""
    (DOCS / "figures").mkdir(exist_ok=True)
    claim = found_of("claim")
    draw(claim.outcomes, {"scaling": "scaling", "ledger": "ledger"})
    stragglers = found_of("stragglers").outcomes
    draw(stragglers, {"step-times": "step-times"})
    short = ["system.plan.virtual_stages=2", "training.global_batch=16 sequences", "system.devices=64"]
    draw(found_of("gpt3-175b-a100", short).outcomes, {"timeline": "timeline"})
    draw(found_of("gpt3-175b-a100", ["system.devices=1024"]).outcomes, {"links": "links"})
    superpod = load_topology("dgx-h100-superpod", 1024, "docs")
    study = read_study("all-reduce", superpod, None, 1, "1 GB", "32 KiB:16 GiB")
    gpt3 = asked(model="gpt3-175b", topology="dgx-a100-superpod", devices=1024, batch=1536)
    (searched,), _ = study_all(systems_of(gpt3, _SIZES), 10)
    pictures = {
        "bus-bandwidth": bus_bandwidth_figure(study),
        "superpod": topology_figure(superpod),
        "budget": budget_figure(answer(load_law(DEFAULT_LAW), Question(compute_flops=5.76e23, inference_tokens=2e12))),
        "plans": plans_figure(searched.found),
        "effort": effort_figure(searched),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, figure in pictures.items():
            shutil.copy(save(figure, Path(folder), name)[0], DOCS / "figures" / f"{name}.png")
    compared()
    listed()
    rewrite(DOCS / "variation.md", {"differ": differing(stragglers)})
    quickstart = first_screen(found_of("quickstart"))
    rewrite(ROOT / "README.md", {"answer": bullets(answer_to(claim)), "screen": quickstart, "plan": first_plan()})


if __name__ == "__main__":
    main()
