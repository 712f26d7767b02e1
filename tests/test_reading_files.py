"""Noting which files of the user were read; tests of sweeps have what comes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.reading import ABSENT, digest_of, is_file, noting


def test_a_digest_is_of_what_a_file_holds(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"same")
    other.write_bytes(b"same")
    assert digest_of(str(one)) == digest_of(str(other)) != ABSENT
    other.write_bytes(b"another")
    assert digest_of(str(one)) != digest_of(str(other))


def test_what_is_not_there_is_noted(tmp_path: Path) -> None:
    with noting() as found:
        assert not is_file(tmp_path / "nothing")
        assert not is_file(tmp_path)
    assert found == {str(tmp_path / "nothing"): ABSENT, str(tmp_path): ABSENT}
    assert digest_of(str(tmp_path / "nothing")) == digest_of(str(tmp_path)) == ABSENT


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000])
def test_names_that_no_file_can_have_are_of_none(name: str) -> None:
    assert not is_file(Path(name))
    assert digest_of(name) == ABSENT


def test_each_noting_has_what_is_read_in_it(tmp_path: Path) -> None:
    with noting() as outer:
        is_file(tmp_path / "before")
        with noting() as inner:
            is_file(tmp_path / "inside")
    is_file(tmp_path / "afterwards")
    assert list(inner) == [str(tmp_path / "inside")]
    assert list(outer) == [str(tmp_path / "before")]
