"""What searches, sweeps and validation return."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletax.results import Result, Row, Run, beside, figure, outcome_beside, own_hardware, plain
from scaletax.scenarios import Scenario
from sim.errors import ScaletaxError
from sim.page.blocks import Block
from sim.page.numbers import counted, duration, percent
from sim.planning import PlanRow
from sim.records.swept import swept
from sim.report.plan import plan_screen, write_plans
from sim.report.styles import style_named
from sim.report.sweep import sweep_page, sweep_screen, write_sweep
from sim.scenario import resolved_documents
from sim.study.plans import SystemStudy, with_best_plan
from sim.sweep.store import read_only
from sim.sweep.tables import frame, rows_of, write_tables

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from sim.validation.compare import Validation as Compared
    from sim.validation.summary import Summary


class Plans(Result):
    """What a search for plans found: what `scaletax plan` prints and writes.

    Attributes
    ----------
    best : PlanRow
        The best plan: `best.plan` with its degrees, `best.step_s`, `best.peak_bytes`, `best.mfu`, `best.tax`.
    failures : tuple of ScaletaxError
        Of systems and sizes for which nothing fits, where something does for others.
    """

    def __init__(self, studies: Sequence[SystemStudy], top: int, failures: Sequence[ScaletaxError] = ()) -> None:
        self._studies, self._top, self.failures = tuple(studies), top, tuple(failures)

    @property
    def best(self) -> PlanRow:
        """The best plan of the first system, at its largest size."""
        return self._studies[0].found.best[0]

    @property
    def rows(self) -> list[Row]:
        """A row for each plan that the engine tried, fastest first."""
        return [
            {
                "system": one.found.about.scenario.system.name,
                "devices": one.found.about.scenario.system.devices,
                "plan": row.plan.summary(),
                "plan_devices": row.plan.devices,
                "step_time_s": float(row.step_s),
                "mfu": float(row.mfu),
                "memory_peak_bytes": float(row.peak_bytes),
                "distribution_tax": None if row.tax is None else float(row.tax),
            }
            for one in self._studies
            for row in one.found.best
        ]

    @property
    def scenario(self) -> Scenario:
        """The first system with its best plan written down: `st.run(plans.scenario)`."""
        (document,) = resolved_documents([with_best_plan(self._studies[0].found)])
        return Scenario.from_document(document)

    def run(self, **options: Any) -> Run:
        """Simulate the best plan. options: of `run`."""
        from scaletax.calls import run

        return run(self.scenario, **options)

    def save(self, folder: str | Path, *, charts: bool = True, style: str = "screen") -> list[Path]:
        """Write the files of `scaletax plan`, and hardware of your own, into a folder; return their paths.

        style: of the charts, "screen", "paper" or "slide".
        """
        place, told = Path(folder), []
        for one in self._studies:
            about = one.found.about._replace(scenario=beside(one.found.about.scenario, place))
            run = one.run and outcome_beside(one.run, place)
            told.append(one._replace(found=replace(one.found, about=about), run=run))
        paths = write_plans(told, self.failures, place, charts, self._top, style_named(style, "style"))
        return paths + own_hardware([one.found.about.scenario for one in self._studies], place)

    def __repr__(self) -> str:
        return f"<Plans: best {self.best.plan.summary()}, {duration(self.best.step_s)} a step>"

    def _screen(self) -> Sequence[Block]:
        return plan_screen(self._studies, self._top)


class Sweep(Result):
    """The folder of a sweep: every point that is finished, read when it is asked for. new: computed by this call."""

    def __init__(self, folder: Path, new: int = 0) -> None:
        self.folder, self.new = folder, new

    @property
    def rows(self) -> list[Row]:
        """A row for each finished point, with the columns of points.csv."""
        return plain(self._rows())

    @property
    def df(self) -> pandas.DataFrame:
        """The same as a DataFrame. Raises InputError where pandas is not installed."""
        return frame(self.folder)

    def plot(
        self, metric: str = "mfu", x: str | None = None, by: str | None = None, *, style: str = "screen"
    ) -> Figure:
        """Draw a metric along an axis, a curve for each value of a column. Raises InputError for an unknown column.

        style: "screen", "paper" (a column wide, without a title) or "slide".
        """
        return figure(self._rows(), metric, x, by, style)

    def save(self) -> list[Path]:
        """Write the tables and the report of `scaletax sweep` into the folder of the sweep; return their paths."""
        with read_only(self.folder) as store:
            write_tables(store, self.folder)
            write_sweep(sweep_page(swept(store, self.new)), self.folder)
        return sorted(path for path in self.folder.iterdir() if path.suffix in (".csv", ".parquet", ".md", ".html"))

    def _rows(self) -> list[Row]:
        with read_only(self.folder) as store:
            return list(rows_of(store))

    def __repr__(self) -> str:
        return f"<Sweep: {counted(len(self), 'point')} in {self.folder}>"

    def _screen(self) -> Sequence[Block]:
        with read_only(self.folder) as store:
            return sweep_screen(swept(store, self.new), self.folder)


class Validation(Result):
    """Published measurements beside what is predicted of them.

    Attributes
    ----------
    summary : Summary
        Errors over all rows, source by source, targets, worst rows.
    """

    def __init__(self, compared: Compared, summary: Summary) -> None:
        self._compared, self.summary = compared, summary

    @property
    def rows(self) -> list[Row]:
        """A row for each measurement that was compared, as the results of `scaletax validate` have it."""
        from sim.records.validation import row_record

        return [row_record(one) for one in self._compared.comparisons]

    def save(self, folder: str | Path, *, style: str = "screen") -> list[Path]:
        """Write the files of `scaletax validate` into a folder; return their paths. style: of the charts."""
        from sim.report.validation.screens import validation_told, write_validation

        return write_validation(
            self._compared, self.summary, validation_told(self.summary).page, Path(folder), style_named(style, "style")
        )

    def __repr__(self) -> str:
        errors = self.summary.headline
        off = f", {percent(errors.mean_absolute)} off on average" if errors else ""
        return f"<Validation: {counted(len(self), 'row')}{off}>"

    def _screen(self) -> Sequence[Block]:
        from sim.report.validation.screens import validation_told

        return validation_told(self.summary).screen
