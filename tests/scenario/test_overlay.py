"""One document over another: table by table, systems by name."""

from hypothesis import given
from hypothesis import strategies as st

from sim.scenario.overlay import overlaid

LOWER = {
    "model": {"layers": 4, "hidden": 64},
    "training": {"tokens": 1e9, "method": "lora", "lora": {"rank": 4}},
    "system": [
        {"name": "a", "topology": "x", "devices": 8, "sizes": {"x": 2}, "plan": {"tensor": 2, "pipeline": 2}},
        {"name": "b", "topology": "y", "devices": 1, "variation": "well-run"},
    ],
    "sweep": {"system.a.devices": [8, 16], "training.tokens": [1e9]},
}
LEAVES = st.one_of(st.integers(), st.text(max_size=3), st.lists(st.integers(), max_size=2))
TABLES = st.recursive(LEAVES, lambda inner: st.dictionaries(st.sampled_from("abcd"), inner, max_size=3), max_leaves=8)


def test_tables_are_laid_over_key_by_key():
    found = overlaid(LOWER, {"model": {"layers": 8}, "training": {"tokens": 2e9}, "sweep": {"training.tokens": [3e9]}})
    assert found["model"] == {"layers": 8, "hidden": 64}
    assert found["training"] == {**LOWER["training"], "tokens": 2e9}
    assert found["sweep"] == {"system.a.devices": [8, 16], "training.tokens": [3e9]}
    assert found["system"] == LOWER["system"]


def test_a_model_that_is_named_is_the_whole_model():
    assert overlaid(LOWER, {"model": {"name": "gpt3-175b"}})["model"] == {"name": "gpt3-175b"}
    assert overlaid(LOWER, {"model": {"config": "c.json"}})["model"] == {"config": "c.json"}


def test_systems_go_by_their_names_and_new_ones_follow():
    found = overlaid(LOWER, {"system": [{"name": "c"}, {"name": "a", "devices": 64, "plan": {"tensor": 4}}]})
    assert [one["name"] for one in found["system"]] == ["a", "b", "c"]
    assert found["system"][0] == {**LOWER["system"][0], "devices": 64, "plan": {"tensor": 4, "pipeline": 2}}
    assert overlaid(LOWER, {"system": [{"name": "a", "plan": "best"}]})["system"][0]["plan"] == "best"


def test_names_that_are_there_twice_are_left_for_the_check():
    found = overlaid(LOWER, {"system": [{"name": "a"}, {"name": "a"}, {}]})
    assert found["system"] == [*LOWER["system"], {"name": "a"}, {"name": "a"}, {}]


def test_sizes_belong_to_a_topology_and_adapters_to_a_method():
    (first, _) = overlaid(LOWER, {"system": [{"name": "a", "topology": "z"}]})["system"]
    assert first["topology"] == "z"
    assert "sizes" not in first
    parted = overlaid(LOWER, {"system": [{"name": "a", "part": [{"topology": "z", "devices": 8}]}]})["system"][0]
    assert {"topology", "devices", "sizes"}.isdisjoint(parted)
    assert "lora" not in overlaid(LOWER, {"training": {"method": "finetune"}})["training"]
    assert overlaid(LOWER, {"training": {"method": "lora"}})["training"]["lora"] == {"rank": 4}


def test_a_figure_over_a_variation_s_name_changes_that_one():
    change = {"system": [{"name": "b", "variation": {"speed_spread": 0.01}}]}
    assert overlaid(LOWER, change)["system"][1]["variation"] == {"profile": "well-run", "speed_spread": 0.01}
    other = {"system": [{"name": "b", "variation": {"profile": "as-found"}}]}
    assert overlaid(LOWER, other)["system"][1]["variation"] == {"profile": "as-found"}


def test_a_key_over_the_name_of_a_run_or_of_a_recipe_changes_that_one():
    assert overlaid({"run": "none"}, {"run": {"spares": 3}})["run"] == {"reliability": "none", "spares": 3}
    assert overlaid({"run": "none"}, {"run": "rsc-1"})["run"] == "rsc-1"
    recipe = overlaid({"recipe": "bf16-only"}, {"recipe": {"moments": "int8"}})["recipe"]
    assert recipe == {"name": "bf16-only", "moments": "int8"}


@given(st.dictionaries(st.sampled_from("abcd"), TABLES), st.dictionaries(st.sampled_from("abcd"), TABLES))
def test_laying_over_is_idempotent_and_changes_neither(lower, upper):
    before = repr(lower), repr(upper)
    found = overlaid(lower, upper)
    assert overlaid(found, upper) == found
    assert overlaid({}, upper) == upper
    assert overlaid(lower, {}) == lower
    assert (repr(lower), repr(upper)) == before
