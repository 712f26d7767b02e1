"""The site builds without a warning, runs its notebooks, and needs nothing from the network to be read."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
LOADS = {"img": "src", "script": "src", "iframe": "src", "link": "href", "source": "src"}
"""Elements that a browser loads by itself, and the attribute that says from where."""
HOW_TO = ROOT / "docs" / "how-to"


class _Links(HTMLParser):
    """What a page loads, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.names: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.names |= {value for key in ("id", "name") if (value := found.get(key))}
        if tag in LOADS and found.get("rel") not in ("canonical", "prev", "next"):
            self.loaded += [found[LOADS[tag]]] if found.get(LOADS[tag]) else []
        if tag == "a" and found.get("href"):
            self.linked.append(found["href"] or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built strictly."""
    pytest.importorskip("mkdocs", reason="mkdocs is not installed: pip install 'scaletax[docs]'")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, _Links]:
    return {path: _Links(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}


@pytest.mark.slow
def test_the_site_has_every_page(site: Path) -> None:
    for path in ROOT.glob("docs/**/*.md"):
        assert (site / path.relative_to(ROOT / "docs").with_suffix(".html")).is_file(), path
    assert (site / "index.html").read_text(encoding="utf-8").count("where does every device-second go")


@pytest.mark.slow
def test_pages_load_nothing_from_the_network(site: Path, pages: dict[Path, _Links]) -> None:
    assert len(pages) > 30
    for path, page in pages.items():
        assert not [one for one in page.loaded if urlsplit(one).netloc], path
    for path in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(?:https?:)?//", path.read_text(encoding="utf-8")), path


@pytest.mark.slow
def test_links_between_pages_lead_somewhere(site: Path, pages: dict[Path, _Links]) -> None:
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link in page.linked + page.loaded:
            address = urlsplit(link)
            if address.scheme or address.netloc:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            assert target.is_file(), f"{path.relative_to(site)} links to {link}"
            if address.fragment and target in pages:
                assert unquote(address.fragment) in pages[target].names, f"{path.relative_to(site)} links to {link}"


@pytest.mark.slow
def test_notebooks_are_stored_without_outputs_and_shown_with_them(site: Path) -> None:
    import nbformat

    books = sorted(ROOT.glob("docs/notebooks/*.ipynb"))
    assert len(books) == 3
    for path in books:
        cells = [one for one in nbformat.read(path, as_version=4).cells if one.cell_type == "code"]
        assert not any(one.outputs or one.execution_count for one in cells), path
        page = (site / "notebooks" / f"{path.stem}.html").read_text(encoding="utf-8")
        assert page.count('class="dataframe"') >= 2, path
        assert "Trust:" in page, path


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted(HOW_TO.glob("*.md")), ids=lambda path: path.stem)
def test_examples_of_the_how_to_pages_run(page: Path, tmp_path: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for name, code in re.findall(r"<!-- scenario: (\S+) -->\n```toml\n(.*?)```", text, re.S):
        (tmp_path / name).write_text(code, encoding="utf-8")
        command = [sys.executable, "-m", "sim", "run", name, "--quiet"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    for code in re.findall(r"<!-- python: [\w ]+ -->\n```python\n(.*?)```", text, re.S):
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
