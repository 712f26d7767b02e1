"""The one border that every text file comes through."""

import pytest

from sim.errors import InputError
from sim.scenario import text_files
from sim.scenario.text_files import DEEPEST, LARGEST_INTEGER, NotTOML, parse_json, parse_toml, read_text


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
    monkeypatch.setattr(text_files, "LARGEST_FILE_BYTES", 50)
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
