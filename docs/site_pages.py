"""A hook of mkdocs: what the site shows beside the pages in docs/.

The README is its first page. CONTRIBUTING, the changelog, the licence and the scenarios come from the top of the
repository. Notebooks are run, and shown with what they print. Links between files become links between pages.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Pages that lie outside of docs/: file of the repository -> page of the site."""
CARRIED = [*PAGES, "LICENSE", "CITATION.cff", *(f"scenarios/{one.name}" for one in ROOT.glob("scenarios/*.toml"))]
_FETCHED, _SHIM = "https://unpkg.com/iframe-worker/shim", "javascript/iframe-worker-1.0.4.js"
_LINK = re.compile(r"\]\(([^)#\s]+)((?:#[^)\s]*)?)\)")
_HOST = re.compile(r"\]\(https://github\.com/scaletax/scaletax/(?:blob|raw)/main/")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files of the repository that lie elsewhere, and the notebooks with their outputs."""
    for path in CARRIED:
        if path in PAGES:
            text = _HOST.sub("](", (ROOT / path).read_text(encoding="utf-8"))
            files.append(File.generated(config, PAGES[path], content=linked(text, "", PAGES[path])))
        else:
            files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    for path in sorted(ROOT.glob("docs/notebooks/*.ipynb")):
        for name, content in shown(path).items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links that leave docs/ into links of the site."""
    return linked(markdown, posixpath.join("docs", posixpath.dirname(page.file.src_uri)), page.file.src_uri)


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Let the theme load from the site what it would fetch: the shim by which its search works in a folder."""
    return output.replace(_FETCHED, posixpath.relpath(_SHIM, posixpath.dirname(page.url) or "."))


def linked(markdown: str, folder: str, page: str) -> str:
    """Relative links of a text that lies in a folder of the repository, as links of a page of the site.

    What the site does not have stays as it is, and mkdocs warns of it.
    """

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[1]))
        home = PAGES.get(target, target if target in CARRIED else target.removeprefix("docs/"))
        known = ":" not in found[1] and (target in CARRIED or (target.startswith("docs/") and (ROOT / target).exists()))
        return f"]({posixpath.relpath(home, posixpath.dirname(page) or '.')}{found[2]})" if known else found[0]

    return _LINK.sub(link, markdown)


def shown(path: Path) -> dict[str, str | bytes]:
    """Run a notebook; the page that shows it and its pictures, by name. A cell that fails raises."""
    import nbformat
    from nbclient import NotebookClient
    from nbconvert import MarkdownExporter

    notebook = nbformat.read(path, as_version=4)
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(ROOT)}}).execute()
    page, resources = MarkdownExporter().from_notebook_node(notebook)
    pictures = {f"{path.stem}-{name}": content for name, content in resources["outputs"].items()}
    page = re.sub(r"\]\((output_\d+_\d+\.\w+)\)", rf"]({path.stem}-\1)", page)
    return {f"{path.stem}.md": page, **pictures}
