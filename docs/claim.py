"""Runs the claim for every size of the family and rewrites the blocks of its page. Run with `make docs`."""

from __future__ import annotations

from pages import DOCS, bullets, found_of, plain_table, rewrite

from sim.page.markdown import table_markdown
from sim.report.comparison_tables import (
    counterfactual_equals_table,
    criteria_table,
    effort_table,
    equals_table,
    knees_table,
    limits_table,
)
from sim.report.verdict import devices_band, devices_text, verdict
from sim.study.compare import Comparison

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
    """Run a scenario of the shelf and compare its systems."""
    comparison = found_of(name).comparison
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
    return plain_table(rows, "Cerebras-GPT", "as fast as", "system", "devices", "within the error bands")


def blocks_of(claim: Comparison) -> dict[str, str]:
    """The blocks of the page on the claim itself."""
    return {
        "verdict": bullets(verdict(claim)),
        "criteria": table_markdown(criteria_table(claim)),
        "equals": table_markdown(equals_table(claim)),
        "limits": table_markdown(limits_table(claim)),
        "knees": table_markdown(knees_table(claim)),
        "effort": table_markdown(effort_table(claim)),
        "without": table_markdown(counterfactual_equals_table(claim)),
    }


def main() -> None:
    """Rewrite the page."""
    found = {size: comparison_of(name) for size, name in SIZES.items()}
    rewrite(DOCS / "claim.md", {**blocks_of(found["13B"]), "family": family_table(found)})


if __name__ == "__main__":
    main()
