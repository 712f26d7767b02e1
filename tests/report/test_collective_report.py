"""A collective's report says what the network says, in the words and units of nccl-tests."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import pytest
from matplotlib.figure import Figure

from sim.errors import InputError
from sim.hardware.network import COLLECTIVES, Group, Network, bus_share
from sim.hardware.network.study import STORE_TREE, Study, file_stem, read_study, size_range
from sim.hardware.topology import load_topology
from sim.page.numbers import gigabytes_per_s, message, short_time
from sim.page.terminal import page_text, screen
from sim.records.collective import collective_document
from sim.report.charts.bus_bandwidth import bus_bandwidth, bus_bandwidth_figure
from sim.report.collective import collective_page, collective_screen
from sim.validation.collectives import Checked, checked, compare_collectives, read_collectives

PODS = ("dgx-h100-superpod", 64)
WAFERS = ("condor-galaxy-1", 16)


def told(study: Study, known: Checked | None = None) -> str:
    return screen(collective_screen(study, known))


def whole(study: Study) -> str:
    return page_text(collective_page(study, None))


def study_of(
    kind: str = "all-reduce",
    place: tuple[str, int] = PODS,
    ranks: int | None = None,
    stride: int = 1,
    size: str = "1 GB",
    algorithm: str = "",
    *,
    alone: bool = False,
) -> Study:
    return read_study(kind, load_topology(*place, "test"), ranks, stride, size, algorithm=algorithm, alone=alone)


@pytest.mark.parametrize("kind", [name.replace("_", "-") for name in COLLECTIVES])
@pytest.mark.parametrize("place", [PODS, ("hgx-a100-node", 8), ("dgx-1-v100", 8), ("leaf-spine", 96)])
def test_the_choice_and_its_time_are_those_of_the_network(kind: str, place: tuple[str, int]) -> None:
    study = study_of(kind, place)
    network, group = Network(study.topology), Group(place[1])
    for size in study.sizes_bytes:
        chosen = network.fastest(study.collective, size, group)
        row = study.row(study.fastest(size), size)
        assert (row.algorithm, row.protocol) == (chosen.wave.algorithm, chosen.wave.protocol)
        assert row.time_s == network.run(study.collective, size, group).seconds
        assert row.bus_bytes_per_s == pytest.approx(bus_share(study.collective, place[1]) * size / row.time_s)
        assert row.bus_bytes_per_s <= study.limit_bytes_per_s(chosen) * (1 + 1e-9)


def test_the_screen_has_the_answer_in_figures() -> None:
    study = study_of(size="1 GB")
    row = study.row(study.fastest(1e9), 1e9)
    text = told(study)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 80
    assert len(text.splitlines()) <= 22
    head = " ".join(text.splitlines()[:5])
    bus = 2 * 63 / 64 * 1e9 / row.time_s / 1e9
    for word in ("all-reduce", "1 GB", "64 x h100-80gb-sxm", "SuperPOD", "nccl-2024", f"bus bandwidth {bus:.1f} GB/s"):
        assert word in head
    assert short_time(row.time_s) in head
    every = whole(study)
    assert every.count("\n*") == 1
    for option in study.options:
        assert f"{option.wave.algorithm}" in every
    for size in study.sizes_bytes:
        assert f"{message(size)} " in every


def test_the_screen_says_how_far_off_measured_ones_were() -> None:
    study = study_of()
    known = checked(study.collective, study.topology, study.group)
    assert known is not None
    rows = [row for row in read_collectives() if row.collective == "all_reduce" and row.role == "check"]
    beyond = [row for row in rows if row.ranks > 8 and row.sweep.startswith(("H100", "H200", "B200"))]
    errors = [one.error for one in compare_collectives(beyond)]
    assert (known.library, known.rows) == ("nccl-2024", len(beyond))
    assert (known.low, known.high) == pytest.approx(np.percentile(errors, (10, 90)))
    text = " ".join(told(study, known).split())
    assert f"all-reduce across scale-up domains: {100 * known.low:+.0f}..{100 * known.high:+.0f} %" in text
    assert f"on {len(beyond)} measured sizes" in text
    inside = study_of(ranks=8)
    other = checked(inside.collective, inside.topology, inside.group)
    assert other is not None
    assert other.rows != known.rows
    broadcast = study_of("broadcast")
    assert checked(broadcast.collective, broadcast.topology, broadcast.group) is None
    assert "Trust: not checked: no broadcast" in told(broadcast)


def test_the_busiest_links_are_named() -> None:
    across = study_of("all-gather", ranks=8, stride=8)
    assert "nic (" in told(across)
    inside = study_of("all-gather", ranks=8)
    busiest = inside.busiest(inside.options[0])
    assert busiest.link_class == "scale_up"
    assert busiest.ends is not None
    assert "nvswitch" in "".join(busiest.ends)
    # Every device's port in both directions.
    assert busiest.alike == 2 * 64


def test_a_switch_that_reduces_more_slowly_than_its_links_is_the_limit() -> None:
    study = study_of(place=("hgx-h100-node", 8))
    chosen = study.fastest(1e10)
    rate = study.topology.about.in_switch_bytes_per_s
    assert chosen.wave.algorithm == "in-switch"
    assert rate is not None
    assert study.busiest(chosen).is_switch_slower
    assert study.limit_bytes_per_s(chosen) == pytest.approx(2 * 7 / 8 * rate / (9 / 8))
    assert "the scale-up switch, which reduces" in " ".join(told(study).split())


@pytest.mark.parametrize(
    ("ranks", "stride", "groups", "says"),
    [
        (None, 1, 1, "One group of 64 ranks."),
        (8, 1, 8, "8 groups of 8 ranks all at once, sharing the links."),
        (8, 8, 8, "8 groups of 8 ranks, stride 8, all at once"),
        (7, 1, 9, "1 device left over, in no group."),
    ],
)
def test_all_groups_communicate_at_once(ranks: int | None, stride: int, groups: int, says: str) -> None:
    study = study_of(ranks=ranks, stride=stride)
    assert study.groups == groups
    assert says in " ".join(told(study).split())


def test_one_group_alone_has_the_links_to_itself() -> None:
    # Eight groups across nodes of eight devices with four cards: two groups share each card.
    place = ("a100-cloud-800gbps", 64)
    together, alone = (
        study_of("all-gather", place, ranks=8, stride=8, algorithm="ring", alone=one) for one in (False, True)
    )
    rates = [one.limit_bytes_per_s(one.fastest(1e9)) for one in (together, alone)]
    assert rates == pytest.approx([12e9, 24e9])
    assert (together.groups, alone.groups) == (8, 1)
    assert alone.busiest(alone.options[0]).alike < together.busiest(together.options[0]).alike
    assert "One group of 8 ranks, stride 8, alone; all other devices are silent." in " ".join(told(alone).split())
    assert "one group alone" in bus_bandwidth_figure(alone).texts[0].get_text()


def test_a_library_may_be_held_to_one_algorithm() -> None:
    free, held = study_of(size="1 MB"), study_of(size="1 MB", algorithm="tree")
    assert held.algorithms == ["tree"]
    assert [option for option in free.options if option.wave.algorithm == "tree"] == list(held.options)
    text = whole(held)
    assert "held to tree" in " ".join(text.split())
    assert "The best protocol of tree by size" in text
    assert "library's choice" not in text
    title, *_ = (one.get_text() for one in bus_bandwidth_figure(held).texts)
    assert "all-reduce by tree" in title


@pytest.mark.parametrize("kind", ["broadcast", "reduce"])
def test_wafers_broadcast_and_reduce_through_the_store(kind: str) -> None:
    study = study_of(kind, WAFERS)
    expected_s = Network(study.topology).stream("broadcast", 1e9, 16).seconds
    row = study.row(study.fastest(1e9), 1e9)
    assert row.algorithm == STORE_TREE
    assert row.time_s == pytest.approx(expected_s)
    assert "store" in " ".join(told(study).splitlines()[:4])
    assert study_of(kind, ("cs-2-single", 1)).groups == 1


@pytest.mark.parametrize("kind", ["all-reduce", "all-gather", "reduce-scatter", "all-to-all"])
@pytest.mark.parametrize("place", [WAFERS, ("cs-2-single", 1)])
def test_wafers_exchange_nothing_with_each_other(kind: str, place: tuple[str, int]) -> None:
    with pytest.raises(InputError, match=rf"^KIND\n  wafers exchange nothing(.|\n)*{kind}\n  use broadcast") as error:
        study_of(kind, place)
    assert "or reduce" in error.value.remedy


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"ranks": 65}, "65 ranks, but 64 devices are built"),
        ({"ranks": 32, "stride": 4}, "take 128 devices, but 64 are built"),
        ({"ranks": 1}, "nobody to communicate with"),
        ({"ranks": -3}, "-3 ranks are too few"),
        ({"ranks": 0, "kind": "reduce", "place": WAFERS}, "0 ranks are too few"),
        ({"stride": 0}, "a stride of 0 is too small"),
        ({"kind": "all-reduc"}, "did you mean 'all-reduce'"),
        ({"size": "1"}, "no unit"),
        ({"size": "1 Gbit"}, "byte is due"),
        ({"kind": "reduce", "place": WAFERS, "ranks": 4, "stride": 2}, "without gaps"),
        ({"algorithm": "rings"}, "--algorithm\n  unknown algorithm for all-reduce 'rings'; did you mean 'ring'"),
        ({"algorithm": "in-switch"}, "does not apply to these groups\n  allowed here: ring, tree, in-switch tree"),
        (
            {"algorithm": "in-switch", "place": ("hgx-a100-node", 8)},
            "the library nccl-2021 does not have it\n  allowed here: ring, tree",
        ),
        ({"algorithm": "ring", "kind": "broadcast", "place": WAFERS}, "allowed here: store tree"),
    ],
)
def test_what_does_not_fit_is_explained(changes: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        study_of(**changes)  # type: ignore[arg-type]


def test_a_range_of_sizes_goes_up_by_four() -> None:
    assert size_range("32 KiB:16 GiB", "x") == [*(2**power for power in range(15, 34, 2)), 2**34]
    assert size_range("1 KiB:2 KiB", "x") == [1024, 2048]
    for text in ("1 GB", "1 GB:1 MB", "1 GB:1 GB", ":1 GB", "1:2"):
        with pytest.raises(InputError):
            size_range(text, "x")


def test_figures_for_people() -> None:
    assert [message(size) for size in (32768, 2**26, 1e9, 1.5e9, 1000, 17.0)] == [
        "32 KiB", "64 MiB", "1 GB", "1.5 GB", "1 kB", "17 B",
    ]  # fmt: skip
    assert [short_time(time_s) for time_s in (2.5, 0.00704, 4.667e-4, 0.9051)] == [
        "2.500 s", "7.040 ms", "466.7 us", "905.1 ms",
    ]  # fmt: skip
    assert [gigabytes_per_s(rate) for rate in (369.6e9, 4.1e9, 7e7)] == ["369.6", "4.10", "0.07"]


def test_the_document_is_plain_and_complete() -> None:
    study = study_of(ranks=8, stride=8)
    document = json.loads(json.dumps(collective_document(study), allow_nan=False))
    assert (document["groups"], document["ranks"], document["stride"]) == (8, 8, 8)
    assert document["chosen"] in document["options"]
    assert [row["size_bytes"] for row in document["sizes"]] == list(study.sizes_bytes)
    for row in (*document["options"], *document["sizes"]):
        assert row["bus_bytes_per_s"] == pytest.approx(document["bus_share"] * row["size_bytes"] / row["time_s"])
    assert document["busiest_link"]["class"] == "nic"
    assert (document["alone"], document["held_to_algorithm"]) == (False, None)
    assert file_stem(study) == "all-reduce-dgx-h100-superpod-64-8x8"
    narrow = study_of(ranks=8, stride=8, algorithm="ring", alone=True)
    asked = collective_document(narrow)
    assert (asked["alone"], asked["held_to_algorithm"], asked["groups"]) == (True, "ring", 1)
    assert file_stem(narrow) == "all-reduce-dgx-h100-superpod-64-8x8-ring-alone"


def ydata(lines: Sequence[object], label: str) -> np.ndarray:
    (line,) = [line for line in lines if line.get_label() == label]  # type: ignore[attr-defined]
    return np.asarray(line.get_ydata())  # type: ignore[attr-defined]


def test_the_chart_has_a_line_for_every_algorithm_and_the_choice_on_top() -> None:
    study = study_of()
    given = Figure().add_subplot()
    assert bus_bandwidth(study, given) is given
    assert given.get_xscale() == "log"
    assert given.get_xlabel() == "message size"
    assert given.get_ylabel() == "bus bandwidth (GB/s)"
    labels = given.get_legend_handles_labels()[1]
    assert set(labels) == {"the library's choice", "limit of the nic links", *study.algorithms}
    curves = np.array([ydata(given.lines, name) for name in study.algorithms])
    choice = ydata(given.lines, "the library's choice")
    assert choice == pytest.approx(curves.max(axis=0))
    limit = ydata(given.lines, "limit of the nic links")
    assert np.all(choice <= limit[0])
    last = study.sizes_bytes[-1]
    assert choice[-1] == pytest.approx(study.row(study.fastest(last), last).bus_bytes_per_s / 1e9)


@pytest.mark.parametrize("place", [PODS, WAFERS, ("hgx-h100-node", 8)])
def test_the_sheet_can_be_drawn(place: tuple[str, int]) -> None:
    for kind in ("reduce", "broadcast"):
        figure = bus_bandwidth_figure(study_of(kind, place))
        figure.draw_without_rendering()
        (legend,) = figure.legends
        assert "the library's choice" in [text.get_text() for text in legend.get_texts()]
