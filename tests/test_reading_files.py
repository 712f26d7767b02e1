"""The one border that every text file of the user comes through, and the notes of what was read there.

Tests of sweeps have what comes of the notes.
"""

from pathlib import Path

import pytest

from sim import reading
from sim.errors import InputError
from sim.reading import (
    ABSENT,
    DEEPEST,
    LARGEST_INTEGER,
    NotTOML,
    digest_of,
    is_file,
    noting,
    parse_json,
    parse_toml,
    read_text,
)


def nested(levels):
    return "[" * levels + "]" * levels


def test_good_text_comes_through(tmp_path):
    path = tmp_path / "a.toml"
    path.write_bytes("\ufeffname = 'é'\r\nother = 1\r\n".encode())
    assert parse_toml(read_text(path, "here"), "a.toml") == {"name": "é", "other": 1}
    assert parse_toml(f"x = {nested(DEEPEST - 1)}\ny = {LARGEST_INTEGER}", "a.toml")["y"] == LARGEST_INTEGER
    assert parse_json('{"a": [1, null]}', "a.json", "") == {"a": [1, None]}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (nested(DEEPEST + 1), f"nested deeper than {DEEPEST} levels"),
        (nested(5000), f"nested deeper than {DEEPEST} levels"),
        (str(LARGEST_INTEGER + 2), "a whole number of about 19 digits"),
        ("9" * 5000, "very many digits"),
        ('[1, {"b" = "a\\u0000"}]', "a[1].b\n  text with a NUL character"),
    ],
)
def test_what_no_document_can_mean_is_refused(text, words):
    with pytest.raises(InputError, match=r"^a\.toml") as caught:
        parse_toml(f"a = {text}", "a.toml")
    assert words in str(caught.value)
    with pytest.raises(InputError, match=r"^a\.json") as caught:
        parse_json(f'{{"a": {text.replace(" = ", ": ")}}}', "a.json", "")
    assert words in str(caught.value)


def test_what_is_no_toml_says_where():
    with pytest.raises(NotTOML) as caught:
        parse_toml("a = 1\nb = x\n", "a.toml")
    assert (
        str(caught.value) == 'a.toml: line 2, column 5\n  not TOML: Invalid value\n  text needs quotes: name = "value"'
    )


def test_files_that_are_none(tmp_path, monkeypatch):
    (tmp_path / "latin.toml").write_bytes(b"name = 'caf\xe9'")
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    (tmp_path / "large.toml").write_text("a = 1\n" * 10)
    monkeypatch.setattr(reading, "LARGEST_FILE_BYTES", 50)
    for name, words in (
        ("latin.toml", "byte 11 is not UTF-8"),
        ("loop.toml", "cannot be read"),
        ("large.toml", "60 bytes\n  at most 50 are read"),
        ("larg.toml", "did you mean large.toml"),
        ("x" * 5000, "name too long"),
        ("a\0b", "NUL character"),
        (".", "is a folder"),
        ("latin.toml/x.toml", "there is no folder"),
    ):
        with pytest.raises(InputError) as caught:
            read_text(tmp_path / name, "here")
        assert words in str(caught.value)
    with pytest.raises(InputError, match="a device or a pipe"):
        read_text(tmp_path / "/dev/zero", "here")


def test_a_folder_that_cannot_be_listed(tmp_path, monkeypatch):
    def locked(_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.iterdir", locked)
    with pytest.raises(InputError, match="cannot be read: Permission denied"):
        read_text(tmp_path / "none.toml", "here")


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


def test_what_is_read_is_noted_with_what_it_held(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("a = 1", encoding="utf-8")
    with noting() as found:
        read_text(path, "here")
        with pytest.raises(InputError):
            read_text(tmp_path / "none.toml", "here")
    assert found == {str(path): digest_of(str(path)), str(tmp_path / "none.toml"): ABSENT}
    assert digest_of("/dev/zero") == ABSENT
