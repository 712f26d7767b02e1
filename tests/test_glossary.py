"""The glossary is in order, and what it names is there."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent.parent


def rows() -> list[list[str]]:
    lines = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][2:]


def test_words_are_in_order_and_there_once() -> None:
    words = [word for word, *_ in rows()]
    assert len(words) > 50
    assert words == sorted(set(words))


def test_every_word_is_explained_and_lives_somewhere() -> None:
    for word, meaning, where in rows():
        assert meaning.endswith("."), word
        files = [name.strip(" `") for name in where.split(",")]
        assert files, word
        assert all((ROOT / name).is_file() for name in files), (word, files)
