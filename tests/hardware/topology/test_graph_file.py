"""Graphs given by [[link]] entries in a topology file."""

import pytest
from small_networks import TIMING, figure, head, link, link_class, table

from sim.catalog import PLAIN_LIBRARY, load_library
from sim.errors import InputError
from sim.hardware.topology import load_topology
from sim.hardware.topology.explicit_graph import ExplicitGraph

HEAD = head("graph")
LINKS = "".join(link(f"gpu{device}", "hub") for device in range(3))
CLASSES = link_class("cable") + link_class("thin", rate="10 Gbit/s")
GRAPH = HEAD + CLASSES + LINKS + TIMING


@pytest.fixture
def load(tmp_path):
    def from_text(text: str, devices: int = 3, **sizes: float):
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        return load_topology("mine.toml", devices, "test", tmp_path, sizes)

    return from_text


def test_a_graph_is_read(load):
    topology = load(GRAPH)
    assert isinstance(topology, ExplicitGraph)
    assert (topology.name, topology.title, topology.domain) == ("mine", "Mine", 1)
    assert topology.about.collective_launch_s == pytest.approx(20e-6)
    assert topology.about.library == PLAIN_LIBRARY
    cable = topology.route(0, 2)[0][1]
    assert cable.bytes_per_s == pytest.approx(100e9 / 8 * 0.5)
    assert cable.latency_s == pytest.approx(2e-6)
    assert len(topology.figures) == 3 + 3 + 2
    assert load(GRAPH, 2).devices == 2


def test_a_graph_may_have_a_library_and_domains(load):
    text = GRAPH.replace(HEAD, head("graph", 'library = "nccl-2024"') + table("sizes", domain=3))
    topology = load(text)
    assert topology.about.library == load_library("nccl-2024")
    assert topology.domain == 3
    assert load(text, 2).domain == 3
    assert load(text, domain=1).domain == 1
    assert load(GRAPH, domain=3).domain == 3
    with pytest.raises(InputError, match=r"^test: size 'domain'\n  3 devices do not make up(.|\n)*divides 3"):
        load(text, domain=2)


def test_parallel_cables_are_counted(load):
    three = load(GRAPH.replace(link("gpu0", "hub"), link("gpu0", "hub", "cable", "count = 3")))
    rates = [cable.bytes_per_s for _, cable in three.route(0, 1)]
    assert rates[0] == pytest.approx(3 * rates[1])


def test_devices_come_in_natural_order(load):
    links = "".join(link(f"gpu{device}", "hub") for device in (10, 2, 1, 0))
    topology = load(HEAD + CLASSES + links + TIMING, 4)
    assert [topology.vertex(device) for device in range(4)] == ["gpu0", "gpu1", "gpu2", "gpu10"]


@pytest.mark.parametrize("odd", ["\N{SUPERSCRIPT TWO}", f"gpu{5000 * '9'}"])
def test_any_name_has_a_place_in_the_order(load, odd):
    topology = load(f'devices = ["gpu0", "{odd}"]\n' + HEAD + CLASSES + TIMING + link("gpu0", odd), 2)
    assert topology.devices == 2


def test_devices_may_have_any_name(load):
    named = GRAPH.replace("gpu", "chip-").replace("device =", 'devices = ["chip-2", "chip-0"]\ndevice =')
    topology = load(named, 2)
    assert [topology.vertex(device) for device in range(2)] == ["chip-2", "chip-0"]


FIRST = link("gpu0", "hub")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GRAPH.replace('class = "cable"', 'class = "cabel"', 1), "unknown link class 'cabel'; did you mean 'cable'"),
        (GRAPH.replace('b = "hub"', 'to = "hub"', 1), "number 1\n  unknown key 'to'"),
        (GRAPH.replace('b = "hub"\n', "", 1), "number 1\n  missing: b"),
        (GRAPH.replace(FIRST, link("gpu0", "hub", "cable", "count = 0")), "number 1: count\n  0 is not a whole number"),
        (GRAPH.replace(FIRST, link("gpu0", "hub", "cable", "count = 1.5")), "1.5 is not a whole number"),
        (GRAPH.replace(FIRST, link("gpu0", "hub", "cable", "count = true")), "True is not a whole number"),
        (GRAPH.replace(FIRST, link("gpu0", "gpu0")), "number 1\n  'gpu0' is joined to itself"),
        (GRAPH + link("gpu1", "hub"), "number 4\n  'gpu1' and 'hub' are joined already"),
        (GRAPH + link("gpu1", "hub", "thin"), "number 4\n  'gpu1' and 'hub' are joined already"),
        (GRAPH + link("hub", "gpu1"), "number 4\n  'hub' and 'gpu1' are joined already"),
        (
            GRAPH + link("hub", "gpu1", "thin"),
            "asymmetric: 1 x thin from 'hub' to 'gpu1', but 1 x cable from 'gpu1' to 'hub'",
        ),
        (
            GRAPH + link("hub", "gpu1", "cable", "count = 2"),
            "asymmetric: 2 x cable from 'hub' to 'gpu1', but 1 x cable",
        ),
        (
            GRAPH.replace('a = "gpu2"\nb = "hub"', 'a = "gpu2"\nb = "island"'),
            r"mine\.toml: link\n  disconnected: no path from gpu0 to gpu2",
        ),
        (HEAD + link_class("cable", rate=None) + LINKS + TIMING, "link class 'cable' has no bandwidth"),
        (HEAD + link_class("cable", rate="0 GB/s") + LINKS + TIMING, "must be above zero"),
        (HEAD + link_class("cable", latency="-2 us") + LINKS + TIMING, "must be above zero"),
        (HEAD + link_class("cable", reduction_efficiency=1) + LINKS + TIMING, "unknown key 'reduction_efficiency'"),
        (GRAPH.replace("device =", 'devices = ["gpu0", "gpu7"]\ndevice ='), "devices\n  without a link: gpu7"),
        (
            GRAPH.replace("device =", 'devices = ["gpu0", "gpu1", "gpu0"]\ndevice ='),
            r"mine\.toml: devices\n  named more than once: gpu0\n",
        ),
        (GRAPH.replace('class = "cable"', 'class = ["cable"]', 1), r"number 1: class\n  \['cable'\] is not text"),
        (GRAPH.replace('a = "gpu0"', "a = 0"), "number 1: a\n  0 is not text"),
        (GRAPH.replace('b = "hub"', 'b = " "', 1), "number 1: b\n  the name ' ' is empty"),
        ('devices = ["gpu0", ""]\n' + GRAPH, "devices\n  the name '' is empty"),
        (
            GRAPH.replace(FIRST, link("gpu0", "hub", "cable", f"count = 1{400 * '0'}")),
            "count\n  a whole number of about 400 digits",
        ),
        (GRAPH.replace("gpu", "chip"), "devices\n  no link has a device"),
        ("devices = []\n" + GRAPH, "no link has a device"),
        ("devices = 3\n" + GRAPH, "3 is not a list"),
        (HEAD + CLASSES + TIMING, "no link has a device"),
        ("link = 3\n" + HEAD + CLASSES + TIMING, r"write \[\[link\]\]"),
        ("link = [3]\n" + HEAD + CLASSES + TIMING, r"write \[\[link\]\]"),
        ('graph_file = "x.json"\n' + GRAPH, r"graph_file\n  there are \[\[link\]\] entries as well"),
        (GRAPH.replace(TIMING, ""), "missing: collective_launch, send_launch"),
        (GRAPH + table("sizes", domain=0), r"sizes\.domain\n  0 is not a whole number"),
        (GRAPH + table("sizes", domain=2), r"sizes\.domain\n  3 devices do not make up whole scale-up domains of 2"),
        (GRAPH + table("sizes", domain=6), r"sizes\.domain\n  3 devices do not make up whole scale-up domains of 6"),
        (GRAPH + table("sizes", nodes=3), "unknown key 'nodes'"),
        (GRAPH.replace(figure(0.5), figure(0)), "it carries nothing"),
    ],
)
def test_messages(load, text, message):
    with pytest.raises(InputError, match=message) as error:
        load(text)
    assert error.value.remedy


def test_more_devices_than_the_graph_has(load):
    with pytest.raises(InputError, match="4 devices asked for, but 'mine' has 3"):
        load(GRAPH, 4)
