"""Reading files of the user: what was read is noted, with what it held."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.reading import ABSENT, digest_of, is_file, noting, read_bytes, read_text


def test_what_is_read_is_noted_with_what_it_held(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"\xc3\xa9")
    with noting() as first:
        assert read_text(file) == "é"
    file.write_bytes(b"other")
    with noting() as second:
        assert read_bytes(file) == b"other"
    assert first.keys() == second.keys() == {str(file)}
    assert first[str(file)] != second[str(file)] == digest_of(str(file))


def test_what_is_not_there_is_noted_too(tmp_path: Path) -> None:
    with noting() as found:
        assert not is_file(tmp_path / "nothing")
        with pytest.raises(OSError, match="directory"):
            read_text(tmp_path)
    assert found == {str(tmp_path / "nothing"): ABSENT, str(tmp_path): ABSENT}
    assert digest_of(str(tmp_path / "nothing")) == ABSENT


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000])
def test_names_that_no_file_can_have_are_of_none(name: str) -> None:
    assert not is_file(Path(name))
    assert digest_of(name) == ABSENT


def test_a_file_that_changes_between_two_readings_is_like_no_file(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with noting() as found:
        for text in ("one", "other"):
            file.write_text(text, encoding="utf-8")
            read_text(file)
    assert found[str(file)] not in (digest_of(str(file)), ABSENT)


def test_nothing_is_noted_afterwards(tmp_path: Path) -> None:
    with noting() as found:
        pass
    is_file(tmp_path / "nothing")
    assert found == {}
