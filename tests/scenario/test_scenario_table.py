"""A table declares its keys once: what is read, refused and written follows from its fields."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from sim.errors import InputError
from sim.scenario.problems import check_structure
from sim.scenario.schema import TABLES
from sim.scenario.table import (
    Count,
    Internal,
    NamedBy,
    ReadAs,
    Several,
    Table,
    Text,
    is_listed,
    keys,
    measured,
    names_differ,
    only_given,
    read,
    tables_within,
    unless,
    written,
)


@dataclass(frozen=True, slots=True)
class Wheel(Table):
    name: Text
    radius: Count | None = None


@dataclass(frozen=True, slots=True)
class Sizes(Table):
    doors: Count | None = None
    seats: Count | None = None


@dataclass(frozen=True, slots=True)
class Motor(Table):
    kind: Annotated[Text, unless("electric")] = "electric"
    start_s: Annotated[float | None, measured("s", "s"), Field(alias="start")] = None


@dataclass(frozen=True, slots=True)
class Car(Table):
    """A table with a key of every sort."""

    name: Text
    wheels: Annotated[Several[Wheel], names_differ("wheels"), Field(alias="wheel")] = field(default=(), kw_only=True)
    sizes: Annotated[Mapping[str, int], only_given(Sizes)] = field(default_factory=dict)
    motor: Annotated[Motor, NamedBy("kind"), unless(Motor())] = field(default=Motor())
    colour: Annotated[str, ReadAs(Literal["red", "blue"])] = "red"
    made_by: Internal[str] = "hand"


WRITTEN = {
    "name": "one",
    "wheel": [{"name": "left", "radius": 2}, {"name": "right"}],
    "sizes": {"seats": 4},
    "motor": {"kind": "diesel", "start": "60.0 s"},
    "colour": "blue",
}
CAR = Car("one", {"seats": 4}, Motor("diesel", 60.0), "blue", wheels=(Wheel("left", 2), Wheel("right")))


def refusal(raw: dict[str, object]) -> str:
    with pytest.raises(InputError) as caught:
        check_structure(Car, {"name": "one", **raw}, Path("my.toml"))
    return str(caught.value)


def test_a_table_is_read_and_written_by_its_fields():
    assert read(Car, WRITTEN) == CAR
    assert written(CAR) == WRITTEN
    assert list(written(CAR)) == list(WRITTEN)


def test_what_says_nothing_is_left_out():
    assert written(Car("one")) == {"name": "one", "colour": "red"}
    assert written(Car("one", motor=Motor(start_s=1.0))) == {
        "name": "one",
        "motor": {"start": "1.0 s"},
        "colour": "red",
    }


def test_a_name_stands_for_a_table():
    assert read(Car, {"name": "one", "motor": "diesel"}).motor == Motor("diesel")


def test_keys_are_those_of_the_file_in_the_order_of_the_fields():
    assert list(keys(Car)) == ["name", "wheel", "sizes", "motor", "colour"]
    assert list(tables_within(Car)) == [(), ("wheel",), ("sizes",), ("motor",)]
    assert tables_within(Car)[("sizes",)] is Sizes
    assert [key for key, one in keys(Car).items() if is_listed(one.annotation)] == ["wheel"]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"made_by": "me"}, "my.toml: made_by\n  unknown key 'made_by'"),
        ({"colour": "green"}, "unknown colour 'green'\n  allowed: red, blue"),
        ({"motor": {"start": 3}}, "my.toml: [motor] start\n  3 has no unit"),
        ({"sizes": {"seats": 4.0}}, "my.toml: [sizes] seats\n  4.0 is not a whole number\n  write 4"),
        ({"wheel": []}, "my.toml: wheel\n  [] is empty"),
        ({"wheel": [{"name": "a"}, {"name": "a"}]}, "my.toml: wheel\n  2 wheels are named 'a'\n  give each its own"),
        (
            {"wheel": [{"name": "a", "radius": "1"}]},
            "my.toml: [wheel[0]] radius\n  '1' is not a whole number\n  write 1",
        ),
        ({"wheel": ({"name": "a"},)}, "is not a list"),
    ],
)
def test_what_cannot_be_used_is_refused(raw, message):
    assert message in refusal(raw)
    assert "also" not in refusal(raw)


def test_what_the_program_makes_is_a_plain_dataclass():
    odd = dataclasses.replace(CAR, name="", made_by="machine")
    assert (odd.name, odd.made_by) == ("", "machine")
    assert pickle.loads(pickle.dumps(CAR)) == CAR
    assert not hasattr(CAR, "__dict__")


@pytest.mark.parametrize("path", TABLES)
def test_every_table_of_the_format_is_frozen_and_says_what_it_is(path):
    table = TABLES[path]
    assert table.__dataclass_params__.frozen
    assert table.__doc__
    assert not table.__doc__.startswith(f"{table.__name__}(")
