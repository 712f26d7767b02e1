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
HOST = "https://github.com/scaletax/scaletax"
"""Where the code is."""
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Pages that lie outside of docs/: file of the repository -> page of the site."""
CARRIED = ["LICENSE", "CITATION.cff", *(f"scenarios/{one.name}" for one in ROOT.glob("scenarios/*.toml"))]
HOMES = {**PAGES, "scenarios": "gallery.md", **{one: one for one in CARRIED}}
"""Where links lead that leave docs/."""
_SHIM = re.compile(r"https://[\w.]+/iframe-worker/shim")
"""What the theme's search fetches, to work where there is no server. docs/javascript has it as released."""
_LINK = re.compile(r"\]\(([^)#\s]+)((?:#[^)\s]*)?)\)")
_ON_HOST = re.compile(rf"\]\({re.escape(HOST)}/(?:blob|raw)/main/")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files of the repository that lie elsewhere, and the notebooks with their outputs."""
    for path, page in PAGES.items():
        text = _ON_HOST.sub("](", (ROOT / path).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=linked(text, "", page)))
    for path in CARRIED:
        files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    for notebook in sorted(ROOT.glob("docs/notebooks/*.ipynb")):
        for name, content in shown(notebook).items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Turn links that leave docs/ into links of the site."""
    return linked(markdown, posixpath.join("docs", posixpath.dirname(page.file.src_uri)), page.file.src_uri)


def on_post_build(config: MkDocsConfig) -> None:
    """Take what searches in files on a disk from the site itself, where the theme would fetch it."""
    site = Path(config.site_dir)
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        depth = "../" * (len(page.relative_to(site).parts) - 1)
        page.write_text(_SHIM.sub(f"{depth}javascript/iframe-worker-1.0.4.js", text), encoding="utf-8")


def linked(markdown: str, folder: str, page: str) -> str:
    """Relative links of a text that lies in a folder of the repository, as links of a page of the site.

    What the site does not have is linked where the code is. What is nowhere stays as it is, and mkdocs warns of it.
    """

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[1]))
        if ":" in found[1] or not (ROOT / target).exists():
            return found[0]
        home = HOMES.get(target, re.sub(r"\.ipynb$", ".md", target.removeprefix("docs/")))
        if target not in HOMES and not target.startswith("docs/"):
            return f"]({HOST}/{'tree' if (ROOT / target).is_dir() else 'blob'}/main/{target}{found[2]})"
        return f"]({posixpath.relpath(home, posixpath.dirname(page) or '.')}{found[2]})"

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
