"""What calls return: typed results, rows, tables of pandas, charts, and the screens of the commands as text."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaletax.hardware import copied, moved
from sim.errors import InputError, ScaletaxError, shown
from sim.outcome.outcome import Outcome
from sim.page.blocks import Block
from sim.page.html import fragment
from sim.page.markdown import markdown
from sim.page.numbers import counted
from sim.page.terminal import screen
from sim.records.document import summary_rows
from sim.records.series import DEVICES, column, series_of, usual_x
from sim.records.traces.chakra import write_chakra
from sim.report.run import run_page, run_screen, write_run
from sim.report.styles import style_named
from sim.scenario import Scenario as Resolved
from sim.study.findings import Findings, findings

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

Row = dict[str, Any]


class Result:
    """What all results have: rows, the same as a DataFrame, and the first screen of the command, by `print`."""

    @property
    def rows(self) -> list[Row]:
        """Plain data, a dict for each row of a table."""
        raise NotImplementedError

    @property
    def df(self) -> pandas.DataFrame:
        """The rows as a DataFrame. Raises InputError where pandas is not installed."""
        return frame(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        return screen(self._screen()).rstrip("\n")

    def _repr_html_(self) -> str:
        return fragment(self._screen())

    def _screen(self) -> Sequence[Block]:
        raise NotImplementedError


class Run(Result):
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
        return plain(summary_rows(self.outcomes))

    def ledger(self) -> pandas.DataFrame:
        """Where every device-second of a step goes: shares by line, a row for each system and size."""
        return frame(self.ledger_rows())

    def ledger_rows(self) -> list[Row]:
        """The same without pandas."""
        return [
            {"system": one.scenario.system.name, "devices": one.devices}
            | {line: one.ledger.share(line) for line in one.ledger.device_seconds}
            for one in self.outcomes
        ]

    def plot(self, metric: str = "mfu", x: str = "devices", *, style: str = "screen") -> Figure:
        """Draw a metric against the devices, or against another column, a curve for each system.

        metric, x: a column of `rows`, or a short name such as "mfu", "tax", "time", "cost".
        style: "screen", "paper" (a column wide, without a title) or "slide"; `.savefig("figure.pdf")` writes it.
        Raises InputError for a column or a style that is not there.
        """
        return figure(summary_rows(self.outcomes), metric, x, style=style)

    def save(
        self, folder: str | Path, *, charts: bool | None = None, style: str = "screen", trace: int = 0
    ) -> list[Path]:
        """Write the files of `scaletax run` into a folder; return their paths.

        charts: None asks the scenario. trace: of so many steps, to open in Perfetto; none without it.

        style: of the charts, "screen", "paper" or "slide". Hardware of your own is written beside them, where
        resolved.toml names it.
        """
        place, found, steps = Path(folder), self._found, count("trace", trace, least=0)
        told = [outcome_beside(one, place) for one in found.outcomes]
        drawn = style_named(style, "style")
        paths = write_run(findings(told, found.failures, found.refusals), place, charts, drawn, steps)
        return paths + own_hardware([one.scenario for one in found.outcomes], place)

    def chakra(self, folder: str | Path) -> list[Path]:
        """Write the step as Chakra execution traces into a folder, as `--chakra` does; return their paths.

        Raises InputError where mlc-chakra is not installed.
        """
        return write_chakra(self.outcomes, Path(folder))

    def report(self) -> str:
        """The whole report, in Markdown."""
        return markdown(run_page(self._found))

    def __len__(self) -> int:
        return len(self.outcomes)

    def __iter__(self) -> Iterator[Outcome]:
        return iter(self.outcomes)

    def __getitem__(self, index: int) -> Outcome:
        return self.outcomes[index]

    def __repr__(self) -> str:
        failed = f", {len(self.failures)} failed" if self.failures else ""
        return f"<Run: {counted(len(self), 'point')} of {counted(len(self._found.curves), 'system')}{failed}>"

    def _screen(self) -> Sequence[Block]:
        return run_screen(self._found)


def plain(rows: Sequence[Row]) -> list[Row]:
    """Rows whose columns are plain text: axes are keys of their own kind."""
    return [{str(key): value for key, value in row.items()} for row in rows]


def beside(scenario: Resolved, folder: Path) -> Resolved:
    """A scenario that names hardware of one's own where it lies beside the results in a folder."""
    system = scenario.system
    parts = tuple(replace(part, topology=moved(part.topology, folder)) for part in system.parts)
    return replace(scenario, system=replace(system, topology=moved(system.topology, folder), parts=parts))


def outcome_beside(outcome: Outcome, folder: Path) -> Outcome:
    """An outcome whose scenario is as beside() has it."""
    parts = tuple(replace(part, topology=moved(part.topology, folder)) for part in outcome.parts)
    return replace(outcome, scenario=beside(outcome.scenario, folder), parts=parts)


def own_hardware(scenarios: Sequence[Resolved], folder: Path) -> list[Path]:
    """Write hardware of one's own beside results; return the paths."""
    named = [part.topology for one in scenarios for part in one.system.every_part]
    return [path for one in dict.fromkeys(named) for path in copied(one, folder)]


def count(name: str, value: Any, least: int = 1) -> int:
    """A whole number, of numpy too. Raises InputError for anything else, and for one below the least."""
    whole = value.__index__() if hasattr(value, "__index__") and not isinstance(value, bool) else least - 1
    if whole < least:
        raise InputError(name, f"{shown(value)} is no whole number from {least} on", f"write for example {name}=4")
    return int(whole)


def frame(rows: Sequence[Row]) -> pandas.DataFrame:
    """Rows as a DataFrame. Raises InputError where pandas is not installed."""
    try:
        import pandas
    except ImportError:
        remedy = "pip install 'scaletax[tables]', or use .rows"
        raise InputError("df", "pandas is not installed", remedy) from None
    return pandas.DataFrame(list(rows))


def figure(rows: Sequence[Row], metric: str, x: str | None, by: str | None = None, style: str = "screen") -> Figure:
    """A chart of one metric along one column. Raises InputError for a column or a style that is not there."""
    from sim.report.charts.sweep import curves_figure  # matplotlib takes long to import

    look = style_named(style, "style")
    done = [row for row in rows if not row.get("error")]
    across = column(x, done, "x").as_axis(done) if x else usual_x(done) or DEVICES
    value = column(metric, done, "metric")
    series = series_of(done, across, value, column(by, done, "by") if by else None)
    if not series:
        problem = f"no point has a number in both {across.name} and {metric}"
        raise InputError("plot", problem, "choose other columns")
    sheet = curves_figure(series, across, value, look)
    # A notebook shows what has this method, also where no part of it draws otherwise.
    vars(sheet)["_repr_png_"] = functools.partial(_png, sheet)
    return sheet


def _png(sheet: Figure) -> bytes:
    file = io.BytesIO()
    sheet.savefig(file, format="png", bbox_inches="tight")
    return file.getvalue()
