"""CITATION.cff says what the package says of itself, by the rules of its format."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from sim import __version__
from sim.report.catalogue import bibtex
from sim.report.catalogue.bibtex import AUTHORS, TITLE, URL

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TYPES = {"software", "dataset"}
ALLOWED = {
    "abstract", "authors", "cff-version", "commit", "contact", "date-released", "doi", "identifiers", "keywords",
    "license", "license-url", "message", "preferred-citation", "references", "repository", "repository-artifact",
    "repository-code", "title", "type", "url", "version",
}  # fmt: skip
"""Keys of version 1.2.0 of the format; authors, cff-version, message and title must be there."""


def citation() -> dict[str, str | list[str]]:
    """The file: a key and its text on a line, or a list of texts below it. Anything else fails."""
    found: dict[str, str | list[str]] = {}
    key = ""
    for line in (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines():
        if item := re.fullmatch(r'  - (?:(name): )?"([^"\\]*)"', line):
            entries = found[key]
            assert isinstance(entries, list)
            entries.append(f"{item[1] or ''}{': ' if item[1] else ''}{item[2]}")
            continue
        pair = re.fullmatch(r'([a-z-]+):(?: (?:"([^"\\]*)"|([\w.-]+)))?', line)
        assert pair is not None, line
        key = pair[1]
        assert key not in found, f"{key} is there twice"
        found[key] = pair[2] or pair[3] or []
    return found


def test_the_citation_follows_the_rules_of_its_format() -> None:
    said = citation()
    assert {"authors", "cff-version", "message", "title"} <= set(said) <= ALLOWED
    assert said["cff-version"] == "1.2.0"
    assert said["type"] in TYPES
    assert all(said.values())
    assert all(one.startswith("name: ") for one in said["authors"])
    assert len(set(said["keywords"])) == len(said["keywords"])


def test_the_citation_says_what_the_package_says() -> None:
    said = citation()
    assert said["version"] == PROJECT["version"] == __version__
    assert said["license"] == PROJECT["license"]
    assert said["keywords"] == PROJECT["keywords"]
    assert said["authors"] == [f"name: {one['name']}" for one in PROJECT["authors"]] == [f"name: {AUTHORS}"]
    assert said["title"] == TITLE
    assert said["repository-code"] == PROJECT["urls"]["Homepage"] == URL


def test_the_entry_of_bibtex_says_the_same() -> None:
    entry = bibtex([])
    assert f"Version {PROJECT['version']}" in entry
    assert URL in entry
    assert TITLE in entry
