"""Lists what can be named in a scenario, but hardware and software: keys, formats, profiles, prices, laws, metrics."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from sim import catalog
from sim.page.blocks import Block, Column, Said, table, words
from sim.page.markdown import table_markdown
from sim.page.numbers import UNKNOWN, duration, fixed, number, whole
from sim.records.metrics import ACCOUNT, METRICS, Metric
from sim.report.budget import fitted_range
from sim.scenario.config_families import FAMILIES, Family
from sim.scenario.schema import LISTED, RESERVED_KEYS, TABLES, examples_of, keys_of
from sim.units import SECONDS_PER_YEAR

_Row = TypeVar("_Row")


def listing(what: str, rows: Iterable[_Row], columns: Sequence[Column[_Row]], *notes: str) -> list[Block]:
    """A table of things, a line each, and what is said below it. what: one of them, for a shelf without any."""
    found = table(rows, columns)
    wide = [one for one in columns if one.from_width]
    if wide:
        width = max(one.from_width for one in wide)
        notes = (*notes, f"A terminal of {width} columns shows more: {', '.join(one.title for one in wide)}.")
    return [found, *map(Said, notes)] if found.rows else [Said(f"no {what} is there")]


_Key = tuple[tuple[str, ...], str]
_KEYS: tuple[Column[_Key], ...] = (
    words("table", lambda one: _header(one[0]), key=True),
    words("key", lambda one: one[1], key=True),
    words("for example", lambda one: " or ".join(examples_of(*one))),
)
_RESERVED: tuple[Column[tuple[tuple[str, ...], str]], ...] = (
    words("reserved", lambda one: f"{_header(one[0][:-1])} {one[0][-1]}", key=True),
    words("why", lambda one: one[1]),
)


def keys_table() -> list[Block]:
    """Every key of a scenario file by its table, with an example where there is one."""
    keys = [(path, key) for path in TABLES for key in keys_of(path) if (*path, key) not in TABLES]
    return [table(keys, _KEYS), table(RESERVED_KEYS.items(), _RESERVED)]


def architectures_table() -> list[Block]:
    """Every architecture that a config.json may name."""
    columns: tuple[Column[Family], ...] = (
        words("architecture", lambda family: " ".join(family.architectures), key=True),
        words("model_type", lambda family: " ".join(family.model_types)),
    )
    return listing("architecture", FAMILIES, columns)


def _header(table: tuple[str, ...]) -> str:
    name = ".".join(table)
    return f"[[{name}]]" if table in (*LISTED, ("system",)) else f"[{name}]" if name else ""


_USES = {
    "products": "pro- ducts", "attention": "atten- tion", "activations": "acti- vations", "parameters": "para- meters",
    "gradients": "gra- dients", "reductions": "reduc- tions", "master": "master", "moments": "moments",
}  # fmt: skip


def recipes_table() -> list[Block]:
    """Every precision recipe: in which format it holds what."""

    def use(name: str) -> Column[catalog.Recipe]:
        return Column(_USES[name], lambda recipe: getattr(recipe, name).name)

    linear: list[Column[catalog.Recipe]] = [
        Column("linear weights held", lambda recipe: recipe.linear_weights.name),
        Column("gathered", lambda recipe: recipe.gathers.name),
        Column("inputs kept", lambda recipe: recipe.kept_inputs.name),
    ]
    title: Column[catalog.Recipe] = words("title", lambda one: one.title)
    columns = [words("recipe", lambda one: one.name, key=True), *map(use, _USES), *linear, title]
    return listing("recipe", map(catalog.load_recipe, catalog.recipe_names()), columns)


def optimizers_table() -> list[Block]:
    """Every optimizer: the numbers that it keeps of a parameter beside a master copy."""
    columns: list[Column[catalog.Optimizer]] = [
        words("optimizer", lambda one: one.name, key=True),
        Column("of a layer's matrix", lambda one: number(one.matrix_states)),
        Column("of a vocabulary", lambda one: number(one.table_states)),
        Column("of a vector", lambda one: number(one.vector_states)),
        Column("per row and column", lambda one: number(one.line_states)),
        words("title", lambda one: one.title),
    ]
    optimizers = map(catalog.load_optimizer, catalog.optimizer_names())
    return listing("optimizer", optimizers, columns, "Numbers kept of each element beside a master copy.")


_SECONDS_PER_HOUR = 3600.0


def reliability_table() -> list[Block]:
    """Every profile of how often clusters fail and how they recover."""

    def devices(one: catalog.Reliability) -> str:
        of = {name: catalog.reliability_of(name).name for name in catalog.device_names()}
        return ", ".join(name for name, profile in of.items() if profile == one.name) or "-"

    def failures(one: catalog.Reliability) -> str:
        return number(one.failures.per_s * SECONDS_PER_YEAR) if one.failures.per_s else "-"

    def recovery(one: catalog.Reliability) -> str:
        return duration(one.detection_s + one.replacement_s + one.restart_s) if one.restart_s else "-"

    columns: list[Column[catalog.Reliability]] = [
        words("reliability", lambda one: one.name, key=True),
        Column("failures per device and year", failures),
        Column("recovery", recovery),
        words("default for", devices),
        words("title", lambda one: one.title),
    ]
    legend = "Recovery: from a failure that needs another node to running again, reading the checkpoint excluded."
    return listing("reliability", map(catalog.load_reliability, catalog.reliability_names()), columns, legend)


def prices_table() -> list[Block]:
    """What every device costs and draws; nothing where no source states it."""

    def price(one: catalog.Price | None, times: float, decimals: int) -> str:
        return UNKNOWN if one is None else " ".join(fixed(times * end, decimals) for end in one.usd.ends)

    def date(one: catalog.Price | None) -> str:
        return "-" if one is None else one.date + ("?" if one.assumed else "")

    columns: list[Column[tuple[str, catalog.Economics]]] = [
        words("device", lambda one: one[0], key=True),
        Column("rented, USD/h", lambda one: price(one[1].rental, _SECONDS_PER_HOUR, 2)),
        words("date", lambda one: date(one[1].rental)),
        Column("bought, USD", lambda one: price(one[1].purchase, 1.0, 0)),
        words("date", lambda one: date(one[1].purchase)),
        Column("power W", lambda one: UNKNOWN if one[1].busy_watts is None else whole(one[1].busy_watts)),
    ]
    legend = (
        "Low, typical, high; of one device with its share of the node, without cooling. ?: from no source that could be"
        " checked."
    )
    return listing("price", [(name, catalog.economics_of(name)) for name in catalog.device_names()], columns, legend)


def laws_table() -> list[Block]:
    """Every scaling law: what it was fitted on, and its lowest loss."""
    columns: list[Column[catalog.Law]] = [
        words("law", lambda law: law.name, key=True),
        words("of", lambda law: "parameters and tokens" if isinstance(law, catalog.ParametricLaw) else "compute"),
        Column("lowest loss", lambda law: number(law.floor)),
        words("on", lambda law: law.corpus),
        words("fitted on", fitted_range),
        words("title", lambda law: law.title),
    ]
    return listing("law", map(catalog.load_law, catalog.law_names()), columns)


_COLUMNS: tuple[Column[Metric], ...] = (
    words("key", lambda one: one.key, key=True),
    words("title", lambda one: one.title),
    words("unit", lambda one: one.unit.axis or "-"),
    words("on the command line", lambda one: ", ".join(one.called) or "-"),
    words("meaning", lambda one: one.meaning),
)
_SHORT: tuple[Column[Metric], ...] = (
    words("key, and short names", lambda one: ", ".join((one.key, *one.called)), key=True),
    words("title (unit): meaning", lambda one: f"{one.axis}: {one.meaning}"),
)


def metrics_table() -> list[Block]:
    """Every metric, and every line of the account of a step."""
    lines = "Lines of the account of a step, in device-seconds:"
    return [table(METRICS, _SHORT), Said(lines), table(ACCOUNT, _SHORT)]


def metrics_blocks() -> dict[str, str]:
    """Name of a block of docs/metrics.md -> its text."""
    account = table(ACCOUNT, _COLUMNS).only(("key", "title", "meaning"))
    return {"metrics": table_markdown(table(METRICS, _COLUMNS)), "account": table_markdown(account)}
