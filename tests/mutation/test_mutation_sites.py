"""The sample of changes: what is drawn, what never is, and that it stays as it was while other code is rewritten."""

import ast
import functools
import textwrap
from pathlib import Path

import pytest
from mutate import CHANGED, PATTERNS, nearest, reasons
from sites import drawn, signatures, sites_of

ROOT = Path(__file__).parents[2]

TEXT = textwrap.dedent('''
    """A module of 3 words."""
    SIZE: float = 4.0
    TOLERANCE = 1e-9

    class Short(ValueError):
        LENGTH = 7

    def cost(layers: int, width: int = 2) -> float:
        """Takes 5."""
        if width > 8:
            raise InputError("width", f"{width + 1} is above 8", "write 8")
        return layers * width

    def twice(first: float, second: float) -> float:
        return cost(first, second) + min(first, second)

    def label(count: int) -> str:
        return "a" * (count + 1)
''')


def told(text=TEXT):
    return {(site.place, site.old) for site in sites_of(text, "sim/x.py", signatures([text]))}


def test_what_computes_is_changed_and_nothing_else():
    assert told() == {
        ("", "4.0"),
        ("cost", "2"),
        ("cost", "width > 8"),
        ("cost", "8"),
        ("cost", "layers * width"),
        ("twice", "cost(first, second)"),
        ("twice", "min(first, second)"),
        ("twice", "cost(first, second) + min(first, second)"),
    }


def test_every_change_is_a_program_that_differs():
    for site in sites_of(TEXT, "sim/x.py", signatures([TEXT])):
        changed = site.changed(TEXT)
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(TEXT))


def test_text_beyond_ascii_moves_no_change():
    (site,) = sites_of("x = 'µµµµ'; y = 3 * z\n", "sim/x.py")[:1]
    assert site.changed("x = 'µµµµ'; y = 3 * z\n").startswith("x = 'µµµµ'; y = ")


def test_a_sample_is_the_same_again_and_rewriting_one_function_leaves_the_rest(tmp_path):
    (tmp_path / "sim").mkdir()
    module = tmp_path / "sim" / "x.py"
    module.write_text(TEXT)

    def sample():
        return {site.key for site in drawn(tmp_path, ["sim/*.py"], 5, seed=1)}

    first = sample()
    assert len(first) == 5
    assert sample() == first
    module.write_text(TEXT.replace("return layers * width", "return width * layers"))
    assert len(first & sample()) >= 4
    assert {site.key for site in drawn(tmp_path, ["sim/*.py"], 5, seed=2)} != first


@functools.cache
def of_the_project():
    """The sites that `make mutate` draws; reading all of sim/ takes a while."""
    return drawn(ROOT, PATTERNS, 200, seed=1)


@pytest.mark.parametrize("room", CHANGED)
def test_every_room_is_drawn_from(room):
    sites = of_the_project()
    assert len(sites) == 200
    assert len({(site.key, site.start) for site in sites}) == 200
    assert any(site.file.startswith(room) for site in sites)


def test_the_nearest_tests_begin_with_those_of_the_same_name():
    assert nearest("sim/workload/flops.py", ROOT)[0] == "tests/workload/test_flops.py"
    assert nearest("sim/hardware/kernel.py", ROOT)[0] == "tests/hardware/test_kernel.py"
    assert nearest("sim/outcome/run/draws.py", ROOT)[0].startswith("tests/outcome/run/")
    for site in of_the_project():
        assert all((ROOT / path).is_file() for path in nearest(site.file, ROOT))


def test_every_known_survivor_has_a_reason_and_is_still_there():
    known = reasons()
    sites = {site.key for site in drawn(ROOT, PATTERNS, 100_000, seed=1)}
    assert all(known.values())
    assert known.keys() <= sites
