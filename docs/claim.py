"""Runs the claim for every size of the family and rewrites the blocks of its page. Run with `make docs`."""

from __future__ import annotations

from pathlib import Path

from sim.report.comparison.page import bullets, markdown
from sim.report.comparison.tables import counterfactual_equals_table, equals_table, knees_table, limits_table
from sim.report.comparison.verdict import verdict
from sim.report.comparison.words import devices_band, devices_text
from tabulate import tabulate

from sim.study.compare import Comparison, compare
from sim.sweep.execute import Failure, run_points
from sim.sweep.grid import load_scenarios

DOCS = Path(__file__).parent
PAGE = DOCS / "claim.md"
SIZES = {
    "111M": "claim-111m",
    "256M": "claim-256m",
    "590M": "claim-590m",
    "1.3B": "claim-1.3b",
    "2.7B": "claim-2.7b",
    "6.7B": "claim-6.7b",
    "13B": "claim",
    "13B, 4,320 sequences": "claim-large-batch",
}


def comparison_of(name: str) -> Comparison:
    """Run a scenario of the shelf and compare its systems; a failing point raises."""
    outcomes = []
    for result in run_points(load_scenarios(DOCS.parent / "scenarios" / f"{name}.toml")):
        if isinstance(result, Failure):
            raise result.error
        outcomes.append(result)
    comparison = compare(outcomes)
    if comparison is None:
        raise SystemExit(f"{name} asks for no comparison")
    return comparison


def family_table(found: dict[str, Comparison]) -> str:
    """Devices that are as fast as each reference, for every size of the model, with the error bands."""
    rows = [
        (
            size,
            equal.reference[0].place(equal.reference[1]),
            equal.curve.label,
            devices_text(equal.match),
            devices_band(equal.lowest, equal.highest),
        )
        for size, comparison in found.items()
        for equal in comparison.equals
    ]
    headers = ("Cerebras-GPT", "as fast as", "system", "devices", "within the error bands")
    return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True)


def block(name: str, text: str) -> None:
    """Replace one generated block of the page."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    page = PAGE.read_text(encoding="utf-8")
    if begin not in page or end not in page:
        raise SystemExit(f"{PAGE}: there is no block '{name}'")
    before, rest = page.split(begin, 1)
    PAGE.write_text(f"{before}{begin}{text}\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")


def main() -> None:
    """Rewrite the page."""
    found = {size: comparison_of(name) for size, name in SIZES.items()}
    claim = found["13B"]
    block("verdict", bullets(verdict(claim)))
    block("equals", markdown(equals_table(claim)))
    block("limits", markdown(limits_table(claim)))
    block("knees", markdown(knees_table(claim)))
    block("without", markdown(counterfactual_equals_table(claim)))
    block("family", family_table(found))


if __name__ == "__main__":
    main()
