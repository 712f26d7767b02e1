"""`scaletax collective`: the answer, what the library picks at every size, and which links that fills."""

from __future__ import annotations

from collections.abc import Sequence

from sim.hardware.network import Option
from sim.hardware.network.study import Row, Study
from sim.page.blocks import Block, Column, Page, Said, Table, page, section, table, words
from sim.page.numbers import counted, gigabytes_per_s, message, percent, percent_span, short_time, signed_percent
from sim.validation.collectives import Checked

_MOST_ROWS = 7
_CONVENTION = "Bus bandwidth is {share:.4g} x size / time ({ranks}), as nccl-tests defines it; {size}."
_SIZES = {
    "all_reduce": "the size is what each rank holds",
    "all_gather": "the size is what each rank holds in the end",
    "reduce_scatter": "the size is what each rank holds at first",
    "all_to_all": "the size is what each rank sends, its own part included",
    "broadcast": "the size is what each rank receives",
    "reduce": "the size is what each rank gives",
}


def collective_screen(study: Study, checked: Checked | None) -> list[Block]:
    """The first screen. checked: how far off such collectives were where they were measured; None where none was."""
    sizes, most = study.sizes_bytes, _MOST_ROWS - 1
    some = sizes if len(sizes) <= _MOST_ROWS else [sizes[round(i * (len(sizes) - 1) / most)] for i in range(_MOST_ROWS)]
    second = [Said(text)] if (text := _second(study)) else []
    return [*_said(study), *second, _sizes_table(study, some), Said(_trust(study, checked))]


def collective_page(study: Study, checked: Checked | None) -> Page:
    """Everything: every algorithm and protocol at the size asked about, and the choice at every size."""
    share, ranks = study.bus_share, counted(study.group.ranks, "rank")
    convention = _CONVENTION.format(share=share, ranks=ranks, size=_SIZES[study.collective])
    choice = f"{study.choice[0].upper()}{study.choice[1:]}"
    rows = [study.row(option, study.size_bytes) for option in _ordered(study)]
    chosen = study.row(study.fastest(study.size_bytes), study.size_bytes)
    marked: Column[Row] = words("", lambda row: "*" if row == chosen else "")
    return page(
        study.title,
        [*_said(study), Said(convention), Said(_trust(study, checked))],
        [
            section(f"At {message(study.size_bytes)}: * is {study.choice}", table(rows, [marked, *_FIGURES])),
            section(f"{choice} by size", _sizes_table(study, study.sizes_bytes)),
        ],
    )


def _said(study: Study) -> list[Block]:
    topology, held = study.topology, f" held to {study.algorithm}" if study.algorithm else ""
    headline = (
        f"{study.title} of {message(study.size_bytes)} on {topology.devices:,} x {topology.device}:"
        f" {topology.title}, library {topology.about.library.name}{held}"
    )
    return [Said(headline), Said(_answer(study), "answer"), Said(f"{_who(study)} {_bottleneck(study)}")]


def _who(study: Study) -> str:
    """How many groups communicate, and whether they do so at once."""
    group = study.group
    if study.from_store:
        reached = counted(group.ranks, "device")
        ends = ("the store", f"the first {reached}")
        start, end = ends if study.collective == "broadcast" else reversed(ends)
        return f"From {start} to {end}, through the tree that joins them."
    stride, comma = (f", stride {group.stride:,}", ",") if group.stride > 1 else ("", "")
    if study.alone and group.ranks < study.topology.devices:
        return f"One group of {group.ranks:,} ranks{stride}{comma} alone; all other devices are silent."
    left = study.topology.devices - study.groups * group.ranks
    rest = f" {counted(left, 'device')} left over, in no group." if left else ""
    if study.groups == 1:
        return f"One group of {group.ranks:,} ranks{stride}.{rest}"
    return f"{study.groups:,} groups of {group.ranks:,} ranks{stride}{comma} all at once, sharing the links.{rest}"


def _answer(study: Study) -> str:
    chosen = study.row(study.fastest(study.size_bytes), study.size_bytes)
    return (
        f"{short_time(chosen.time_s)} by {_name(chosen)}:"
        f" bus bandwidth {gigabytes_per_s(chosen.bus_bytes_per_s)} GB/s,"
        f" algorithm bandwidth {gigabytes_per_s(chosen.algorithm_bytes_per_s)} GB/s"
    )


def _bottleneck(study: Study) -> str:
    """Which links are full, for how much of the time, and what they would allow."""
    chosen = study.fastest(study.size_bytes)
    busiest, time_s = study.busiest(chosen), float(chosen.time_s(study.size_bytes))
    others = f" and {busiest.alike - 1:,} more" if busiest.alike > 1 else ""
    where = f" ({busiest.ends[0]} to {busiest.ends[1]}{others})" if busiest.ends else ""
    text = (
        f"Busiest links: {busiest.link_class}{where}, {gigabytes_per_s(busiest.bytes_per_s)} GB/s each way, busy for"
        f" {percent(busiest.s_per_byte * study.size_bytes / time_s, 0)} of the time"
    )
    if busiest.is_switch_slower:
        share = busiest.switch_s_per_byte * study.size_bytes / time_s
        text += f"; the scale-up switch, which reduces, for {percent(share, 0)}"
    return f"{text}. Without latency: {gigabytes_per_s(study.limit_bytes_per_s(chosen))} GB/s bus bandwidth."


def _second(study: Study) -> str:
    """What comes next to the choice, and how much longer it takes."""
    chosen, *others = _ordered(study)
    if not others:
        return ""
    size = study.size_bytes
    one, more_s = study.row(others[0], size), float(others[0].time_s(size)) / float(chosen.time_s(size)) - 1
    return f"Next best: {_name(one)}, {short_time(one.time_s)} ({signed_percent(more_s)})."


def _trust(study: Study, checked: Checked | None) -> str:
    """How far off measured collectives of this kind were."""
    if study.from_store:
        return "Trust: not checked: nobody published what a wafer's store sends."
    where = "across scale-up domains" if study.group.block > study.topology.domain else "within a scale-up domain"
    if checked is None:
        return f"Trust: not checked: no {study.title} {where} was measured with {study.topology.about.library.name}."
    span = percent_span(checked.low, checked.high)
    return (
        f"Trust: {checked.library} {study.title} {where}: {span} on {counted(checked.rows, 'measured size')}"
        f" (bus bandwidth, 8 of 10 errors; +: predicted too fast)."
    )


def _ordered(study: Study) -> list[Option]:
    """Every algorithm and protocol at the size asked about, fastest first."""
    return sorted(study.options, key=lambda option: float(option.time_s(study.size_bytes)))


def _name(row: Row) -> str:
    return ", ".join(filter(None, (row.algorithm, row.protocol)))


_FIGURES: tuple[Column[Row], ...] = (
    words("algorithm", lambda row: row.algorithm),
    words("protocol", lambda row: row.protocol or "-"),
    Column("time", lambda row: short_time(row.time_s)),
    Column("algorithm GB/s", lambda row: gigabytes_per_s(row.algorithm_bytes_per_s)),
    Column("bus GB/s", lambda row: gigabytes_per_s(row.bus_bytes_per_s)),
)


def _sizes_table(study: Study, sizes_bytes: Sequence[float]) -> Table:
    """The library's choice at every size."""
    rows = [study.row(study.fastest(size), size) for size in sizes_bytes]
    return table(rows, [Column("size", lambda row: message(row.size_bytes), key=True), *_FIGURES])
