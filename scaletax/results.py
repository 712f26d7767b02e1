"""What calls return: typed results, rows, tables of pandas, charts, and the screens of the commands as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import InputError, ScaletaxError

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from scaletax.objects import Scenario
    from sim.outcome.outcome import Outcome
    from sim.planning import PlanRow
    from sim.study.findings import Findings
    from sim.study.plans import SystemStudy
    from sim.validation.compare import Validation as Compared
    from sim.validation.summary import Summary

Row = dict[str, Any]


class Run:
    """The points of a run: what `scaletax run` prints and writes.

    Attributes
    ----------
    outcomes : tuple of Outcome
        Every point, with its plan, ledger, trace, memory, run and bill. Also by index: `result[0]`.
    failures : tuple of ScaletaxError
        Of points that ended in an error, where others did not.
    """

    def __init__(self, found: Findings, failures: Sequence[ScaletaxError] = ()) -> None:
        self._found, self.failures = found, tuple(failures)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Every point that was simulated."""
        return self._found.outcomes

    @property
    def rows(self) -> list[Row]:
        """A row for each system and size, with the columns of summary.csv."""
        from sim.records.document import summary_rows

        return [{str(key): value for key, value in row.items()} for row in summary_rows(self.outcomes)]

    @property
    def df(self) -> pandas.DataFrame:
        """The same as a DataFrame. Raises InputError where pandas is not installed."""
        return frame_of(self.rows)

    def ledger(self) -> pandas.DataFrame:
        """Where every device-second of a step goes: shares by line, a row for each system and size."""
        return frame_of(self.ledger_rows())

    def ledger_rows(self) -> list[Row]:
        """The same without pandas."""
        return [
            {
                "system": one.scenario.system.name,
                "devices": one.devices,
                **{line: one.ledger.share(line) for line in one.ledger.device_seconds},
            }
            for one in self.outcomes
        ]

    def plot(self, metric: str = "mfu", x: str = "devices") -> Figure:
        """Draw a metric against the devices, or against another column, a curve for each system.

        metric, x: a column of `rows`, or a short name such as "mfu", "tax", "time", "cost".
        Raises InputError for a column that is not there.
        """
        from sim.records.document import summary_rows

        return figure_of(summary_rows(self.outcomes), metric, x)

    def save(self, folder: str | Path, *, charts: bool | None = None) -> list[Path]:
        """Write the files of `scaletax run` into a folder; return their paths. charts: None asks the scenario."""
        from sim.report.run import write_run

        return write_run(self._found, Path(folder), charts)

    def report(self) -> str:
        """The whole report, in Markdown."""
        from sim.page.markdown import markdown
        from sim.report.run import run_page

        return markdown(run_page(self._found))

    def __len__(self) -> int:
        return len(self.outcomes)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.outcomes)

    def __getitem__(self, index: int) -> Outcome:
        return self.outcomes[index]

    def __repr__(self) -> str:
        from sim.page.numbers import counted

        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"<Run: {counted(len(self), 'point')} of {counted(len(self._found.curves), 'system')}{failed}>"

    def __str__(self) -> str:
        from sim.page.terminal import screen
        from sim.report.run import run_screen

        return screen(run_screen(self._found))

    def _repr_html_(self) -> str:
        from sim.page.html import fragment
        from sim.report.run import run_screen

        return fragment(run_screen(self._found))


class Plans:
    """What a search for plans found: what `scaletax plan` prints and writes.

    Attributes
    ----------
    best : PlanRow
        The best plan: `best.plan` with its degrees, `best.step_s`, `best.peak_bytes`, `best.mfu`, `best.tax`.
    """

    def __init__(self, studies: Sequence[SystemStudy], failures: Sequence[ScaletaxError] = ()) -> None:
        self._studies, self.failures = list(studies), tuple(failures)

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
                "step_time_s": row.step_s,
                "mfu": row.mfu,
                "memory_peak_bytes": row.peak_bytes,
                "distribution_tax": row.tax,
            }
            for one in self._studies
            for row in one.found.best
        ]

    @property
    def df(self) -> pandas.DataFrame:
        """The same as a DataFrame. Raises InputError where pandas is not installed."""
        return frame_of(self.rows)

    @property
    def scenario(self) -> Scenario:
        """The first system with its best plan written down: `st.run(plans.scenario)`."""
        from scaletax.objects import Scenario
        from sim.scenario import resolved_documents
        from sim.study.plans import with_best_plan

        (document,) = resolved_documents([with_best_plan(self._studies[0].found)])
        return Scenario.from_document(document)

    def run(self, **options: Any) -> Run:
        """Simulate the best plan. options: of `run`."""
        from scaletax.calls import run

        return run(self.scenario, **options)

    def save(self, folder: str | Path, *, charts: bool = True) -> list[Path]:
        """Write the files of `scaletax plan` into a folder; return their paths."""
        from sim.report.plan import write_plans

        return write_plans(self._studies, self.failures, Path(folder), charts)

    def __repr__(self) -> str:
        from sim.page.numbers import duration

        return f"<Plans: best {self.best.plan.summary()}, {duration(self.best.step_s)} a step>"

    def __str__(self) -> str:
        from sim.page.terminal import screen
        from sim.report.plan import plan_screen

        return screen(plan_screen(self._studies))

    def _repr_html_(self) -> str:
        return table_html_of(self.rows)


class Sweep:
    """The folder of a sweep: every point that is finished, read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def rows(self) -> list[Row]:
        """A row for each finished point, with the columns of points.csv."""
        return [{str(key): value for key, value in row.items()} for row in self._rows()]

    @property
    def df(self) -> pandas.DataFrame:
        """The same as a DataFrame. Raises InputError where pandas is not installed."""
        from sim.sweep.tables import frame

        return frame(self.folder)

    def plot(self, metric: str = "mfu", x: str | None = None, by: str | None = None) -> Figure:
        """Draw a metric along an axis, a curve for each value of a column. Raises InputError for an unknown column."""
        return figure_of(self._rows(), metric, x, by)

    def _rows(self) -> list[Row]:
        from sim.sweep.store import read_only
        from sim.sweep.tables import rows_of

        with read_only(self.folder) as store:
            return list(rows_of(store))

    def __len__(self) -> int:
        return len(self._rows())

    def __repr__(self) -> str:
        from sim.page.numbers import counted

        return f"<Sweep: {counted(len(self), 'point')} in {self.folder}>"

    def _repr_html_(self) -> str:
        return table_html_of(self.rows)


class Validation:
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
        """A row for each measurement that was compared, with the columns of rows.csv."""
        from sim.records.validation import row_record

        return [row_record(one) for one in self._compared.comparisons]

    @property
    def df(self) -> pandas.DataFrame:
        """The same as a DataFrame. Raises InputError where pandas is not installed."""
        return frame_of(self.rows)

    def __len__(self) -> int:
        return len(self._compared.comparisons)

    def __repr__(self) -> str:
        from sim.page.numbers import counted, percent

        errors = self.summary.headline
        off = f", {percent(errors.mean_absolute)} off on average" if errors else ""
        return f"<Validation: {counted(len(self), 'row')}{off}>"

    def _repr_html_(self) -> str:
        return table_html_of(self.rows)


def frame_of(rows: Sequence[Row]) -> pandas.DataFrame:
    """Rows as a DataFrame. Raises InputError where pandas is not installed."""
    try:
        import pandas
    except ImportError:
        remedy = "pip install 'scaletax[tables]', or use .rows"
        raise InputError("df", "pandas is not installed", remedy) from None
    return pandas.DataFrame(list(rows))


def figure_of(rows: Sequence[Row], metric: str, x: str | None, by: str | None = None) -> Figure:
    """A chart of one metric along one column. Raises InputError for a column that is not there."""
    from sim.records.series import column, series_of, usual_x
    from sim.report.charts.sweep import curves_figure

    done = [row for row in rows if not row.get("error")]
    across = column(x, done, "x").as_axis(done) if x else usual_x(done)
    if across is None:
        raise InputError("plot", "no axis is a number or text with two values", "name a column with x=")
    value = column(metric, done, "metric")
    series = series_of(done, across, value, column(by, done, "by") if by else None)
    if not series:
        raise InputError("plot", f"no point has a number in both {x} and {metric}", "choose other columns")
    return curves_figure(series, across, value)


def table_html_of(rows: Sequence[Row], most: int = 60) -> str:
    """The first rows as a table for a notebook."""
    from sim.page.blocks import Heading, Table
    from sim.page.html import table_html

    names = list(rows[0]) if rows else []
    cells = tuple(tuple("" if row.get(name) is None else str(row[name]) for name in names) for row in rows[:most])
    return table_html(Table(tuple(Heading(name, right=False) for name in names), cells))
