"""One screen for a collective: the answer, every algorithm at the size asked about, the choice over all sizes."""

from __future__ import annotations

from sim.page.borders import ascii_only
from sim.page.numbers import counted, gigabytes_per_s, message, short_time
from sim.report.collective import Row, Study
from sim.report.layout import flush, table, wrapped

_HEADERS = ("algorithm", "protocol", "time", "algorithm\nGB/s", "bus\nGB/s")
_BINARY = (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))
_DECIMAL = (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3))
_TIME_UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6))
_CONVENTION = "Bus bandwidth is {share:.4g} x size / time ({ranks}), as nccl-tests defines it; {size}."
_SIZES = {
    "all_reduce": "the size is what each rank holds",
    "all_gather": "the size is what each rank holds in the end",
    "reduce_scatter": "the size is what each rank holds at first",
    "all_to_all": "the size is what each rank sends, its own part included",
    "broadcast": "the size is what each rank receives",
    "reduce": "the size is what each rank gives",
}


def collective_screen(study: Study) -> str:
    """Return the report as plain text: ASCII only, narrow enough for a terminal."""
    parts = [
        "\n".join(wrapped(line) for line in (_headline(study), _who(study))),
        "\n".join(wrapped(line) for line in (_answer(study), _bottleneck(study))),
        _options_table(study),
        _sizes_table(study),
        wrapped(
            _CONVENTION.format(
                share=study.bus_share, ranks=counted(study.group.ranks, "rank"), size=_SIZES[study.collective]
            )
        ),
    ]
    return ascii_only("\n\n".join(parts)) + "\n"


def _headline(study: Study) -> str:
    topology = study.topology
    return (
        f"{study.title} of {message(study.size_bytes)} on {topology.devices:,} x {topology.device}:"
        f" {topology.title}, library {topology.about.library.name}"
        + (f" held to {study.algorithm}" if study.algorithm else "")
    )


def _who(study: Study) -> str:
    """How many groups communicate, and whether they do so at once."""
    group = study.group
    if study.from_store:
        reached = counted(group.ranks, "device")
        if study.collective == "broadcast":
            return f"From the store to the first {reached}, through the tree that joins them."
        return f"From the first {reached} to the store, through the tree that joins them."
    stride = f", stride {group.stride:,}" if group.stride > 1 else ""
    comma = "," if stride else ""
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
        f"{short_time(chosen.time_s)} by {', '.join(filter(None, (chosen.algorithm, chosen.protocol)))}:"
        f" bus bandwidth {gigabytes_per_s(chosen.bus_bytes_per_s)} GB/s,"
        f" algorithm bandwidth {gigabytes_per_s(chosen.algorithm_bytes_per_s)} GB/s"
    )


def _bottleneck(study: Study) -> str:
    """Which links are full, for how much of the time, and what they would allow."""
    chosen = study.fastest(study.size_bytes)
    busiest, time_s = study.busiest(chosen), float(chosen.time_s(study.size_bytes))
    others = busiest.alike - 1
    where = (
        f" ({busiest.ends[0]} to {busiest.ends[1]}{f' and {others:,} more' if others else ''})" if busiest.ends else ""
    )
    text = (
        f"Busiest links: {busiest.link_class}{where}, {gigabytes_per_s(busiest.bytes_per_s)} GB/s each way, busy for"
        f" {100 * busiest.s_per_byte * study.size_bytes / time_s:.0f} % of the time"
    )
    if busiest.is_switch_slower:
        share = 100 * busiest.switch_s_per_byte * study.size_bytes / time_s
        text += f"; the scale-up switch, which reduces, for {share:.0f} %"
    return f"{text}. Without latency: {gigabytes_per_s(study.limit_bytes_per_s(chosen))} GB/s bus bandwidth."


def _figures(row: Row) -> tuple[str, ...]:
    rates = (gigabytes_per_s(row.algorithm_bytes_per_s), gigabytes_per_s(row.bus_bytes_per_s))
    return row.algorithm, row.protocol or "-", short_time(row.time_s), *rates


def _options_table(study: Study) -> str:
    """Every algorithm and protocol at the size asked about, fastest first."""
    chosen = study.fastest(study.size_bytes)
    options = sorted(study.options, key=lambda option: float(option.time_s(study.size_bytes)))
    rows = [("*" if option is chosen else "", *_figures(study.row(option, study.size_bytes))) for option in options]
    text = flush(table(rows, "lllr", ("", *_HEADERS)))
    return f"At {message(study.size_bytes)} (* {study.choice}):\n{text}"


def _sizes_table(study: Study) -> str:
    """The library's choice at every size."""
    rows = [(message(size), *_figures(study.row(study.fastest(size), size))) for size in study.sizes_bytes]
    text = flush(table(rows, "rllr", ("size", *_HEADERS)))
    return f"{study.choice[0].upper()}{study.choice[1:]} by size:\n{text}"
