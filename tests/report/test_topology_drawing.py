"""Every topology can be drawn at any size, with a bounded number of vertices and figures that match its links."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import pytest
from matplotlib.colors import to_rgb

from sim.errors import InputError
from sim.hardware.topology import Topology, load_topology, topology_names
from sim.hardware.topology.named import changed_sizes, largest, one_domain
from sim.hardware.topology.parts import link_rows
from sim.hardware.topology.vertex_names import kind_of
from sim.page.terminal import screen
from sim.report.charts.topology import topology_figure
from sim.report.colours import ALGORITHM_COLOURS, LINK_COLOURS, SYSTEM_COLOURS, colours_of
from sim.report.drawing.layers import picture
from sim.report.drawing.parts import LARGEST_WHOLE
from sim.report.topology import topology_screen

MOST_VERTICES = 80


def told(topology: Topology) -> str:
    return screen(topology_screen(topology))


def small(name: str) -> Topology:
    """The fewest devices, from two on, that a topology can be built of."""
    for devices in range(2, 300):
        try:
            return load_topology(name, devices, "test")
        except InputError:
            continue
    return load_topology(name, 1, "test")


QUICK = {"dgx-a100-superpod", "dragonfly", "torus-3d", "pcie-8x-a100-bridged", "condor-galaxy-1"}
SHELF = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in topology_names()]


@pytest.fixture(scope="module", params=SHELF)
def sizes(request: pytest.FixtureRequest) -> list[Topology]:
    """One topology of the shelf, small and as large as it gets."""
    return [small(request.param), largest(request.param, None, "test")]


def test_every_topology_is_drawn_small_and_large(sizes: list[Topology]) -> None:
    for topology in sizes:
        figure = topology_figure(topology)
        figure.draw_without_rendering()
        (legend,) = figure.legends
        words = " ".join(text.get_text() for text in legend.get_texts())
        for row in link_rows(topology):
            assert f"{row.link.bytes_per_s / 1e9:,.1f} GB/s each way" in words
            assert f"{row.count:,} links" in words


def test_a_picture_stays_readable(sizes: list[Topology]) -> None:
    for topology in sizes:
        found = picture(topology)
        assert 1 <= len(found.spots) <= MOST_VERTICES
        places = [spot.at for spot in found.spots]
        assert min((math.dist(a, b) for a, b in itertools.combinations(places, 2)), default=1.0) > 0.15
        classes = {line.link.link_class for line in found.lines}
        assert classes == {row.link.link_class for row in link_rows(topology)}
        if topology.devices <= LARGEST_WHOLE and found.is_whole:
            assert len(found.spots) == len(topology.graph)
        assert found.is_whole or found.drawn_devices < topology.devices


def test_link_counts_are_those_of_the_table(sizes: list[Topology]) -> None:
    for topology in sizes:
        assert 2 * sum(row.count for row in link_rows(topology)) == topology.links.count


def test_the_summary_is_short_and_ascii(sizes: list[Topology]) -> None:
    for topology in sizes:
        text = told(topology)
        assert text.isascii()
        assert max(map(len, text.splitlines())) <= 80
        assert len(text.splitlines()) <= 20
        assert topology.title in " ".join(text.split())
        assert topology.about.library.name in text


def test_a_small_cluster_is_drawn_whole() -> None:
    found = picture(load_topology("dgx-a100-superpod", 16, "test"))
    assert found.is_whole
    assert found.shape == "layers"
    assert found.drawn_devices == 16
    assert len(found.boxes) == 2
    heights = {spot.kind: spot.at[1] for spot in found.spots}
    assert heights["nvswitch"] < heights["gpu"] < heights["leaf"]


def test_a_large_cluster_is_its_repeating_part_with_counts() -> None:
    topology = load_topology("dgx-h100-superpod", 4096, "test")
    found = picture(topology)
    assert not found.is_whole
    assert found.drawn_devices == 8
    labels = {label.kind: label for label in found.labels}
    assert labels["gpu"].count == 4096
    assert labels["gpu"].details == ("512 domains of 8",)
    assert (labels["leaf"].count, labels["leaf"].drawn) == (128, 8)
    assert labels["leaf"].details == ("each to 32 gpu",)
    heights = [label.y for label in found.labels if label.kind in ("gpu", "leaf", "spine", "core")]
    assert heights == sorted(heights)
    assert any(line.is_stub for line in found.lines)


def test_a_store_stands_on_top() -> None:
    found = picture(load_topology("condor-galaxy-1", 64, "test"))
    (store,) = [spot for spot in found.spots if spot.role == "store"]
    assert store.at[1] == max(spot.at[1] for spot in found.spots)


def test_a_torus_is_a_grid_whose_rows_close() -> None:
    whole = picture(load_topology("torus-2d", 32, "test"))
    assert (whole.shape, whole.is_whole, len(whole.lines)) == ("grid", True, 16 * 2 + 16)
    assert any(line.bend for line in whole.lines)
    deep = picture(largest("torus-3d", None, "test"))
    assert (deep.shape, deep.is_whole, deep.drawn_devices) == ("grid", False, 27)
    # Every device has six neighbours, drawn or begun.
    ends = sum(1 if line.is_stub else 2 for line in deep.lines)
    assert ends == 6 * 27


def test_cables_of_a_graph_are_side_by_side() -> None:
    topology = load_topology("dgx-1-v100", 8, "test")
    found = picture(topology)
    assert found.shape == "circle"
    # Six cables leave each of eight devices.
    assert len(found.lines) == 6 * 8 / 2


def test_switches_of_one_layer_are_joined_by_arcs() -> None:
    found = picture(load_topology("dragonfly", 6144, "test"))
    arcs = [line for line in found.lines if line.bend > 0]
    assert {line.link.link_class for line in arcs} == {"local", "global"}
    assert sum(spot.kind == "router" for spot in found.spots) <= 8


def test_the_summary_has_rates_and_oversubscription() -> None:
    text = told(largest("leaf-spine", 512, "test", ["oversubscription=2"]))
    assert "512 x a100-80gb-sxm in 64 scale-up domains of 8" in text
    assert "24.0 GB/s from each to the next scale-up domain" in " ".join(text.split())
    assert "(2 : 1)" in text
    assert "nic       gpu - leaf" in text


def test_of_wafers_the_summary_gives_what_the_store_sends() -> None:
    text = " ".join(told(load_topology("andromeda", 16, "test")).split())
    assert "From the store to every wafer at once, each receiving the same: 150.0 GB/s" in text
    assert "All devices at once" not in text
    assert "From the store to the wafer" in told(load_topology("cs-2-single", 1, "test"))


def test_the_caption_says_what_is_merged() -> None:
    merged = "Parallel switches and cables of a tier are drawn, and counted, as one of their summed rate."
    for name, devices, says in (("leaf-spine", 512, True), ("leaf-spine", 8, False), ("dragonfly", 64, False)):
        figure = topology_figure(load_topology(name, devices, "test"))
        words = " ".join(" ".join(text.get_text().split()) for text in figure.texts)
        assert (merged in words) == says, name


def test_shared_cards_have_links_of_their_own_class_to_the_devices() -> None:
    rows = {row.link.link_class: row for row in link_rows(load_topology("jean-zay", 64, "test"))}
    assert (rows["host"].between, rows["host"].count) == (("gpu - nic",), 64)
    assert (rows["nic"].between, rows["nic"].count) == (("nic - leaf",), 32)


def test_the_number_of_devices_may_be_left_out_for_one_domain() -> None:
    assert one_domain("gb200-nvl72", None, "test").devices == 72
    assert one_domain("dgx-1-v100", None, "test").devices == 8
    assert one_domain("torus-2d", 256, "test").devices == 256
    with pytest.raises(InputError, match="up to 16,384 devices"):
        one_domain("dgx-h100-superpod", None, "test")


def test_a_file_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    links = "".join(f'[[link]]\na = "gpu{number}"\nb = "hub"\nclass = "wire"\n' for number in range(3))
    figure = 'kind = "assumed", date = "2026-11", note = "a test"'
    rate = f'rate = {{ value = "10 GB/s", {figure} }}\nefficiency = {{ value = 1.0, {figure} }}'
    (tmp_path / "mine.toml").write_text(
        f'title = "Mine"\nfamily = "graph"\ndevice = "a100-80gb-sxm"\n{links}'
        f'[link_class.wire]\n{rate}\nlatency = {{ value = "1 us", {figure} }}\n'
        f'[timing]\ncollective_launch = {{ value = "1 us", {figure} }}\nsend_launch = {{ value = "1 us", {figure} }}\n'
    )
    monkeypatch.chdir(tmp_path)
    topology = largest("mine.toml", None, "test")
    assert topology.devices == 3
    assert picture(topology).shape == "layers"
    (tmp_path / "broken.toml").write_text("family =")
    with pytest.raises(InputError, match="not TOML"):
        largest("broken.toml", None, "test")


def test_sizes_may_have_an_exponent() -> None:
    assert changed_sizes(["oversubscription=1e1", " x = 2.5E+0"], "--size") == {"oversubscription": 10.0, "x": 2.5}


@pytest.mark.parametrize(
    "text", ["oversubscription", "=4", "x=1e", "x=e5", "x=1e-1", "oversubscription=", "oversubscription=-1", "a=1e999"]
)
def test_sizes_that_cannot_be_read(text: str) -> None:
    with pytest.raises(InputError, match="KEY=NUMBER"):
        changed_sizes([text], "--size")


def test_kinds_are_names_without_numbers() -> None:
    assert [kind_of(name) for name in ("gpu17", "leaf3.1", "core", "swarmx1.0", "7")] == [
        "gpu", "leaf", "core", "swarmx", "7",
    ]  # fmt: skip


def test_unknown_classes_take_colours_that_are_free() -> None:
    colours = colours_of(["nic", "wire", "rope", "scale_up"], LINK_COLOURS)
    assert colours["nic"] == LINK_COLOURS["nic"]
    assert len({to_rgb(colour) for colour in colours.values()}) == 4
    assert len(colours_of([f"kind {number}" for number in range(20)], {})) == 20
    assert len(set(LINK_COLOURS.values())) == len(LINK_COLOURS)
    assert set(ALGORITHM_COLOURS.values()) <= set(SYSTEM_COLOURS)
