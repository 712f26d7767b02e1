"""Leaves out one source after the other and rewrites what is stored of it. Run with `make unseen`."""

from __future__ import annotations

import json
import sys

from pages import DOCS, ROOT, block

from sim.catalog import load_evidence
from sim.catalog.data_files import read_data
from sim.page.progress import Progress
from sim.report.validation.markdown import unseen_block
from sim.validation.accuracy import evidence_toml
from sim.validation.bands import evidence_of
from sim.validation.fitting import fit, fit_cases, scored
from sim.validation.left_out import leave_out_each
from sim.validation.unseen import STORED, read_unseen, unseen_text
from sim.validation.unseen_groups import peers, unseen_groups

JOBS = 2
EVIDENCE = ROOT / "sim" / "catalog" / "accuracy.toml"


def main() -> None:
    """Fit, leave out, predict, and write.

    With --text only the text, from what is stored; with --as-it-is the constants stay as the catalogue has them.
    """
    if "--text" in sys.argv[1:]:
        write_text()
        return
    found = None if "--as-it-is" in sys.argv[1:] else fit(scored(fit_cases()), JOBS)
    with Progress(0, "row") as bar:
        rows = leave_out_each(found, JOBS, bar.advance)
    STORED.write_text(unseen_text(rows), encoding="utf-8")
    write_evidence()
    write_text()


def write_evidence() -> None:
    """Write what the sources that were left out say of errors into the catalogue."""
    EVIDENCE.write_text(evidence_toml(evidence_of(read_unseen())), encoding="utf-8")
    read_data.cache_clear()
    load_evidence.cache_clear()


def write_text() -> None:
    """Write the block of the documentation from what is stored, as the tests do."""
    rows = read_unseen()
    seen = json.loads((DOCS / "validation.json").read_text(encoding="utf-8"))["errors"]
    page = DOCS / "validation.md"
    text = unseen_block(unseen_groups(rows, seen), peers(rows))
    page.write_text(block("unseen", text, page.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
