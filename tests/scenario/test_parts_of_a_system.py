"""[[system.part]]: hardware part by part instead of topology and devices."""

from __future__ import annotations

import pytest

from sim.errors import InputError
from sim.scenario import Part, resolved_documents
from sim.sweep.grid import load_scenarios

PARTS = """
[[system.part]]
topology = "dgx-a100-superpod"
devices = 32

[[system.part]]
topology = "racks/mine.toml"
devices = 16
sizes = { nodes_per_leaf = 2 }

[system.plan]
"""
HARDWARE = 'topology = "dgx-a100-superpod"\ndevices = 64\n'
MIXED = (HARDWARE, ""), ("\n[system.plan]\n", PARTS)


def refusal(path, *overrides):
    with pytest.raises(InputError) as caught:
        load_scenarios(path, overrides)
    return str(caught.value).replace(str(path), "my.toml")


def test_reads_parts(example):
    path = example(*MIXED)
    (scenario,) = load_scenarios(path)
    system = scenario.system
    mine = str((path.parent / "racks/mine.toml").resolve())
    assert system.parts == (Part("dgx-a100-superpod", 32), Part(mine, 16, {"nodes_per_leaf": 2}))
    assert (system.topology, system.devices, system.sizes) == ("", 48, {})
    assert system.every_part == system.parts


def test_hardware_of_one_kind_is_a_single_part(example):
    (scenario,) = load_scenarios(example())
    assert scenario.system.parts == ()
    assert scenario.system.every_part == (Part("dgx-a100-superpod", 64),)


REFUSED = {
    "topology as well": (
        (("\n[system.plan]\n", PARTS), ("devices = 64\n", "")),
        """my.toml: [system "cluster"] topology
  'topology' and [[system.part]] are both given
  leave 'topology' out, here and in [sweep] and --set: every part says its own""",
    ),
    "devices as well": (
        (("\n[system.plan]\n", PARTS), ('topology = "dgx-a100-superpod"\ndevices = 64', "devices = 64")),
        "my.toml: [system \"cluster\"] devices\n  'devices' and [[system.part]] are both given\n  leave 'devices' out",
    ),
    "sizes as well": (
        (*MIXED, ('jitter = "0.5 %"', "sizes = { nodes_per_leaf = 2 }")),
        "my.toml: [system \"cluster\"] sizes\n  'sizes' and [[system.part]] are both given",
    ),
    "neither": (
        ((HARDWARE, ""),),
        """my.toml: [system "cluster"] topology
  'topology' is missing
  write for example topology = "dgx-a100-superpod" or topology = "my-topology.toml"
  also my.toml: [system "cluster"] devices
    'devices' is missing
    write for example devices = 64""",
    ),
    "a part without devices": (
        (*MIXED, ("devices = 16\n", "")),
        "my.toml: [system \"cluster\".part[1]] devices\n  'devices' is missing\n  write for example devices = 64",
    ),
    "a part with a misspelt key": (
        (*MIXED, ("devices = 16\n", "devces = 16\n")),
        """my.toml: [system "cluster".part[1]] devces
  unknown key 'devces'; did you mean 'devices'?
  allowed: devices, sizes, topology
  also my.toml: [system "cluster".part[1]] devices
    'devices' is missing""",
    ),
    "a part of nothing": (
        (*MIXED, ("devices = 16\n", "devices = 0\n")),
        'my.toml: [system "cluster".part[1]] devices\n  0 must be at least 1',
    ),
    "a part with a plan": (
        (*MIXED, ("devices = 16\n", "devices = 16\nstack = 'fsdp-2023'\n")),
        "my.toml: [system \"cluster\".part[1]] stack\n  unknown key 'stack'",
    ),
    "no parts": (
        ((HARDWARE, "part = []\n"),),
        'my.toml: [system "cluster"] part\n  [] is empty\n  list at least one value, or leave it out',
    ),
    "single brackets": (
        ((HARDWARE, ""), ("\n[system.plan]\n", '\n[system.part]\ntopology = "x"\ndevices = 1\n[system.plan]\n')),
        'my.toml: [system "cluster"] part\n  a table is not a list\n  write [[system.part]] with double brackets',
    ),
    "a number among the parts": (
        ((HARDWARE, "part = [1]\n"),),
        'my.toml: [system "cluster"] part[0]\n  1 is not a table\n  write [[system.part]] with its keys below',
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_refuses(kind, example):
    replacements, expected = REFUSED[kind]
    message = refusal(example(*replacements))
    assert message.startswith(expected)
    assert ("also" in message) == ("also" in expected)


@pytest.mark.parametrize("key", ["devices", "topology", "sizes.oversubscription"])
@pytest.mark.parametrize("system", ["", "cluster."])
def test_what_parts_say_cannot_be_swept_or_set(key, system, example):
    value = '"leaf-spine"' if key == "topology" else "8"
    first = key.split(".")[0]
    expected = (
        f"my.toml: [system \"cluster\"] {first}\n  '{first}' and [[system.part]] are both given\n  leave '{first}'"
    )
    swept = example(*MIXED, ("[report]", f'[sweep]\n"system.{system}{key}" = [{value}]\n[report]'))
    assert refusal(swept).startswith(expected)
    assert refusal(example(*MIXED), f"system.{system}{key}={value}").startswith(expected)


@pytest.mark.parametrize("key", ["system.part.devices", "system.cluster.part.0", "system.cluster.part.sizes.x"])
def test_no_key_leads_into_a_part(key, example):
    assert refusal(example(*MIXED), f"{key}=8").startswith(f"--set {key}=8\n  unknown key '{key}'")


def test_all_parts_together_can_be_set_and_swept(example):
    one, other = ([{"topology": "leaf-spine", "devices": count}] for count in (8, 16))
    written = '[{ topology = "leaf-spine", devices = 8 }]'
    (scenario,) = load_scenarios(example(*MIXED), [f"system.part={written}"])
    assert scenario.system.parts == (Part("leaf-spine", 8),)
    axis = f'[sweep]\n"system.cluster.part" = [{written}, {written.replace("8", "16")}]\n[report]'
    scenarios = load_scenarios(example(*MIXED, ("[report]", axis)))
    assert [scenario.system.devices for scenario in scenarios] == [8, 16]
    assert [document["system"][0]["part"] for document in resolved_documents(scenarios)] == [one, other]


def test_what_is_not_the_parts_can_be_swept(example):
    path = example(*MIXED, ("[report]", '[sweep]\n"system.plan.tensor" = [4, 8]\n[report]'))
    scenarios = load_scenarios(path)
    assert [scenario.system.plan.tensor for scenario in scenarios] == [4, 8]
    # Each of them is a document of its own, because only sizes of a plain system become a sweep.
    assert [len(document["system"]) for document in resolved_documents(scenarios)] == [1, 1]
