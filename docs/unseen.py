"""Leaves out one source after the other and rewrites what is stored of it. Run with `make unseen`."""

from __future__ import annotations

import sys

from tqdm import tqdm

from sim.validation.fitting import fit, fit_cases, scored
from sim.validation.left_out import leave_out_each
from sim.validation.unseen import STORED, unseen_text

JOBS = 2


def main() -> None:
    """Fit, leave out, predict, and write; with --as-it-is the constants stay as the catalogue has them."""
    found = None if "--as-it-is" in sys.argv[1:] else fit(scored(fit_cases()), JOBS)
    with tqdm(unit="row", disable=None, leave=False, file=sys.stderr) as bar:

        def advance(total: int) -> None:
            bar.total = total
            bar.update()

        rows = leave_out_each(found, JOBS, advance)
    STORED.write_text(unseen_text(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
