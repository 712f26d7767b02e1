"""The gallery has every scenario of the shelf: its picture, the command and the file as it is."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
GALLERY = ROOT / "docs" / "gallery.md"
MOST_BYTES = 60_000


def test_the_gallery_has_every_scenario_as_it_is() -> None:
    page = GALLERY.read_text(encoding="utf-8")
    shelf = sorted((ROOT / "scenarios").glob("*.toml"))
    shown = re.findall(r"<summary>(.+?)</summary>\n\n```toml\n(.*?)\n```", page, re.S)
    assert sorted(shown) == [(path.name, path.read_text(encoding="utf-8").strip()) for path in shelf], "run `make docs`"
    assert set(re.findall(r"^    scaletax (?:run|sweep) (\S+)$", page, re.M)) == {path.stem for path in shelf}


def test_the_gallery_has_a_small_picture_of_every_scenario() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\((figures/gallery/(.+?)\.png)\)", GALLERY.read_text(encoding="utf-8"))
    assert [name for _, name in pictures] == re.findall(r"<summary>(.+?)\.toml", GALLERY.read_text(encoding="utf-8"))
    for path, _ in pictures:
        assert 1_000 < (GALLERY.parent / path).stat().st_size < MOST_BYTES, path
    drawn = {path.name for path in GALLERY.parent.glob("figures/gallery/*")}
    assert drawn == {f"{name}.png" for _, name in pictures}
