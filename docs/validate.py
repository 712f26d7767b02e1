"""Compares all published rows and rewrites everything that follows from it, from one run. Run with `make validation`.

It writes the generated blocks of docs/validation.md and of the README, two charts, and what the tests hold all of them
to (docs/validation.json). Rows are held to the error bands of the catalogue (sim/catalog/accuracy.toml), which
`make unseen` writes before.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

from pages import DOCS, ROOT, block, rewrite
from refresh import stacks_page

from sim.catalog import load_evidence
from sim.page.progress import Progress
from sim.records.validation import read_summary, stored_record
from sim.report.validation.markdown import believed_blocks, documentation_blocks, readme_block
from sim.report.validation.screens import validation_charts
from sim.validation.selection import read_selection, validate_rows
from sim.validation.stack_checks import checks_toml
from sim.validation.unseen import read_unseen

JOBS = 2
STORED = DOCS / "validation.json"
CHECKS = ROOT / "sim" / "catalog" / "stack_checks.toml"
CHARTS = {"parity": "validation-parity", "errors": "validation-errors"}


def main() -> None:
    """Run the comparison once, and write; with --text only the text, from the stored result."""
    if "--text" not in sys.argv[1:]:
        compare_all()
    write_text()


def compare_all() -> None:
    """Simulate all rows and write the stored result and the charts."""
    table = read_selection()
    with Progress(len(table.rows), "row") as bar:
        validation, summary = validate_rows(table, "all", JOBS, bar.advance)
    STORED.write_text(json.dumps(stored_record(validation, summary), indent=1) + "\n", encoding="utf-8")
    (DOCS / "figures").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        checks = [one for one in validation.comparisons if one.role == summary.role]
        for path in validation_charts(checks, Path(folder)):
            if path.suffix == ".png":
                shutil.copy(path, DOCS / "figures" / f"{CHARTS[path.stem]}.png")


def write_text() -> None:
    """Write what checks each stack, and the blocks of the documentation from the stored result, as the tests do."""
    CHECKS.write_text(checks_toml(), encoding="utf-8")
    (DOCS / "stacks.md").write_text(stacks_page(), encoding="utf-8")
    stored = read_summary(json.loads(STORED.read_text(encoding="utf-8"))["summary"])
    document = (DOCS / "validation.md").read_text(encoding="utf-8")
    unseen, evidence = read_unseen(), load_evidence()
    believed = believed_blocks(unseen, stored, evidence)
    for name, text in {**documentation_blocks(stored), **believed}.items():
        document = block(name, text, document)
    (DOCS / "validation.md").write_text(document, encoding="utf-8")
    short = readme_block(unseen, stored, evidence)
    rewrite(ROOT / "README.md", {"validation": short})
    rewrite(DOCS / "how-the-bands-are-made.md", {"validation": short})


if __name__ == "__main__":
    main()
