"""Entries of BibTeX: well-formed whatever a source is called, one for each work, the same every time."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.catalog import Figure, Source, load_sources, read_sources
from sim.report.catalogue import bibtex, how_to_cite
from sim.report.catalogue.bibtex import _entry_of


def figure(source: str, kind: str = "published") -> Figure:
    return Figure("one", 1, kind, source, "2024", "a note")


def entries(text: str) -> dict[str, dict[str, str]]:
    """Key -> field -> value, as BibTeX reads them: values in braces that balance, or a word such as `apr`."""
    found: dict[str, dict[str, str]] = {}
    place = 0
    while (start := text.find("@", place)) >= 0:
        head = re.compile(r"@misc\{([\w.:-]+),\n").match(text, start)
        assert head is not None, text[start : start + 60]
        assert head[1] not in found, f"{head[1]} is there twice"
        fields = found.setdefault(head[1], {})
        place = head.end()
        while not text.startswith("}", place):
            name = re.compile(r"  ([a-z]+) = ").match(text, place)
            assert name is not None, text[place : place + 60]
            assert name[1] not in fields, f"{head[1]}: {name[1]} is there twice"
            end = _end_of_value(text, name.end())
            fields[name[1]] = text[name.end() : end]
            assert text.startswith(",\n", end), text[end : end + 20]
            place = end + 2
        place += 1
    return found


def _end_of_value(text: str, start: int) -> int:
    """Where the value that begins at `start` ends. A brace counts even behind a backslash, as BibTeX counts."""
    if text[start] != "{":
        word = re.compile(r"[a-z]{3}").match(text, start)
        assert word is not None, text[start : start + 20]
        return word.end()
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    raise AssertionError(f"never closed: {text[start : start + 60]}")


def bare(value: str) -> str:
    """What is read of a value, for those without commands."""
    return value.strip("{}").replace("\\", "")


def test_every_source_has_an_entry_that_says_what_it_is() -> None:
    sources = read_sources()
    found = entries(bibtex([figure(key) for key in sources]))
    assert set(found) == {"scaletax", *sources}
    assert list(found)[1:] == sorted(sources)
    for key, source in sources.items():
        fields = found[key]
        assert fields["title"].startswith("{{")
        assert bare(fields["title"]) == source.title
        assert bare(fields["howpublished"]) == source.reference
        assert bare(fields["year"]) == source.date.split("-")[0]
        assert ("month" in fields) == ("-" in source.date)
        assert ("eprint" in fields) == source.reference.startswith("arXiv ")
        # Styles sort by one of these.
        assert ("author" in fields) != ("key" in fields)


def test_a_paper_is_cited_as_papers_are() -> None:
    fields = entries(bibtex([figure("llama-2023")]))["llama-2023"]
    assert fields["author"] == "{{Touvron} and others}"
    assert fields["title"] == "{{LLaMA: Open and Efficient Foundation Language Models}}"
    assert (fields["year"], fields["month"]) == ("{2023}", "feb")
    assert (fields["eprint"], fields["archiveprefix"]) == ("{2302.13971}", "{arXiv}")


def test_an_entry_for_each_work_once_whatever_rests_on_it() -> None:
    asked = [figure("llama-2023"), figure("llama-2023", "derived"), figure("", "assumed"), figure("gpt2-2019")]
    assert list(entries(bibtex(asked))) == ["scaletax", "gpt2-2019", "llama-2023"]
    assert bibtex(asked) == bibtex(asked[::-1])
    assert list(entries(bibtex([]))) == ["scaletax"]


def test_how_to_cite_has_a_line_and_an_entry() -> None:
    line, entry, _ = how_to_cite().split("\n\n")
    (fields,) = entries(entry + "\n").values()
    assert bare(fields["title"]) in line
    assert "Version" in fields["note"]


def test_a_heading_names_the_authors_as_a_list_of_references_does() -> None:
    def heading(*by: str) -> str:
        return Source("key", by, "Title", "reference", "2024").heading

    assert heading() == "Title"
    assert heading("NVIDIA") == "NVIDIA, Title"
    assert heading("Kingma", "Ba") == "Kingma and Ba, Title"
    assert heading("Hall", "Schreiber", "Lie") == "Hall, Schreiber and Lie, Title"
    assert heading("Dey", "others") == "Dey et al., Title"
    assert load_sources()["llama-2023"]["title"].startswith("Touvron et al., LLaMA")


@pytest.mark.parametrize(
    ("written", "read"),
    [("50 % & more", r"50 \% \& more"), ("a_b #3 $", r"a\_b \#3 \$"), ("a\\b", r"a\textbackslash{}b")],
)
def test_what_tex_takes_for_a_command_is_escaped(written: str, read: str) -> None:
    assert f"{{{{{read}}}}}" in _entry_of(Source("key", (), written, "reference", "2024"))


# Braces in pairs, as titles have them; BibTeX itself counts a lone one even behind a backslash.
@given(st.text(max_size=60).map(lambda text: text.replace("{", "").replace("}", "")), st.lists(st.text(max_size=9)))
def test_no_text_breaks_an_entry(text: str, by: list[str]) -> None:
    by = [one.replace("{", "").replace("}", "") for one in by]
    (fields,) = entries(_entry_of(Source("key", tuple(by), text, text, "2024-05")) + "\n").values()
    assert fields["year"] == "{2024}"
    assert fields["month"] == "may"
