"""Redraws the figures of the documentation and rewrites the README's generated blocks. Run with `make docs`.

A generated block stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; nothing else is touched.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from sim.asked import asked
from sim.catalog import DEFAULT_LAW, load_law
from sim.hardware.topology import load_topology
from sim.outcome.outcome import Outcome
from sim.outcome.quality.study import Question, answer
from sim.page.markdown import table_markdown
from sim.page.terminal import screen
from sim.report.catalogue.machines import latest_markdown, stacks_markdown
from sim.report.charts import chart_files
from sim.report.charts.budget import budget_figure
from sim.report.charts.bus_bandwidth import bus_bandwidth_figure
from sim.report.charts.canvas import save
from sim.report.charts.plans import effort_figure, plans_figure
from sim.report.charts.topology import topology_figure
from sim.report.collective import read_study
from sim.report.run import run_answer, run_screen
from sim.report.sentences import sentences
from sim.report.stragglers import steps_table
from sim.study.findings import findings
from sim.study.plans import study_all, systems_of
from sim.study.points import curves
from sim.sweep.execute import Failure, run_points
from sim.sweep.grid import load_scenarios
from sim.validation.collectives import collectives_table, compare_collectives
from sim.validation.operators import compare_operators, operators_table
from sim.validation.spread_comparison import compare_spread, spread_table

_SIZES = (256, 400, 512, 600, 1000)
DOCS = Path(__file__).parent
ROOT = DOCS.parent


def outcomes(scenario: str, overrides: Sequence[str] = ()) -> list[Outcome]:
    """Run a scenario of the shelf; a failing point raises."""
    found = []
    for result in run_points(load_scenarios(Path("scenarios") / f"{scenario}.toml", overrides)):
        if isinstance(result, Failure):
            raise result.error
        found.append(result)
    return found


def draw(points: Sequence[Outcome], wanted: dict[str, str]) -> None:
    """Draw all charts of some points and keep the wanted ones: start of the chart's name -> name in docs/figures."""
    with tempfile.TemporaryDirectory() as folder:
        for path in chart_files(points, Path(folder)):
            for start, name in wanted.items():
                if path.suffix == ".png" and path.stem.startswith(start):
                    shutil.copy(path, DOCS / "figures" / f"{name}.png")


def block(name: str, text: str, document: str) -> str:
    """Replace one generated block of a document."""
    pattern = re.compile(rf"(<!-- begin {name} -->\n).*?(<!-- end {name} -->)", re.S)
    if pattern.search(document) is None:
        raise SystemExit(f"there is no block '{name}'")
    return pattern.sub(lambda found: f"{found[1]}{text}\n{found[2]}", document)


def indented(text: str) -> str:
    """A block of program output in Markdown."""
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())


def bullets(said: Sequence[str]) -> str:
    """One line for each sentence."""
    return "\n".join(f"- {one}" for one in said)


def answer_to(claim: Sequence[Outcome]) -> list[str]:
    """What the main scenario says in short: what is as fast as what, and what splitting costs."""
    found = findings(claim)
    if found.comparison is None:
        raise SystemExit("the main scenario asks for no comparison")
    return [*run_answer(found), *sentences(found.curves)]


def differing(points: Sequence[Outcome]) -> str:
    """How steps differ at the largest of some sizes, as a table."""
    largest = max(point.devices for point in points)
    return table_markdown(steps_table(curves([point for point in points if point.devices == largest])))


def first_screen(points: Sequence[Outcome]) -> str:
    """The first screen of some points, as wide as the narrowest terminal, without what differs from run to run."""
    return indented(screen(run_screen(findings(points))))


def stacks_page() -> str:
    """The page on stacks with its tables, from the catalogue."""
    page = (DOCS / "stacks.md").read_text(encoding="utf-8")
    return block("guide", stacks_markdown(), block("latest", latest_markdown(), page))


def main() -> None:
    """Refresh everything."""
    (DOCS / "figures").mkdir(exist_ok=True)
    claim = outcomes("claim")
    draw(claim, {"scaling": "scaling", "ledger": "ledger"})
    stragglers = outcomes("stragglers")
    draw(stragglers, {"step-times": "step-times"})
    short = ["system.plan.virtual_stages=2", "training.global_batch=16 sequences", "system.devices=64"]
    draw(outcomes("gpt3-175b-a100", short), {"timeline": "timeline"})
    draw(outcomes("gpt3-175b-a100", ["system.devices=1024"]), {"links": "links"})
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
    network = (DOCS / "network.md").read_text(encoding="utf-8")
    table = indented(collectives_table(compare_collectives()))
    (DOCS / "network.md").write_text(block("collectives", table, network), encoding="utf-8")
    validation = (DOCS / "validation.md").read_text(encoding="utf-8")
    validation = block("operators", indented(operators_table(compare_operators())), validation)
    (DOCS / "validation.md").write_text(validation, encoding="utf-8")
    spread = (DOCS / "step-spread.md").read_text(encoding="utf-8")
    spread = block("spread", indented(spread_table(compare_spread())), spread)
    (DOCS / "step-spread.md").write_text(spread, encoding="utf-8")
    (DOCS / "stacks.md").write_text(stacks_page(), encoding="utf-8")
    variation = (DOCS / "variation.md").read_text(encoding="utf-8")
    variation = block("differ", differing(stragglers), variation)
    (DOCS / "variation.md").write_text(variation, encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    readme = block("answer", bullets(answer_to(claim)), readme)
    readme = block("screen", first_screen(outcomes("quickstart")), readme)
    (ROOT / "README.md").write_text(readme, encoding="utf-8")


if __name__ == "__main__":
    main()
