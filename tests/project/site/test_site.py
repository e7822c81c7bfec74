import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.support.project.repository import ROOT, files

_FROM_ELSEWHERE = re.compile(r"\s*(?:https?:)?//", re.IGNORECASE)
_IN_STYLES = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", re.IGNORECASE)
# What the theme's script loads from another host: it draws diagrams, and asks about a repository.
_MAKES_THE_SCRIPT_ASK = ('class="mermaid"', 'data-md-component="source"')


class _Loaded(HTMLParser):
    """The addresses that a browser loads with a page; links that a reader may follow do not count."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {"src", "srcset", "poster", "data"} | ({"href"} if tag in ("link", "image", "use") else set())
        self.addresses += [value for name, value in attrs if name in names and value]


def _build(root: Path, site: Path) -> subprocess.CompletedProcess[str]:
    config = root / "docs" / "site" / "mkdocs.yml"
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "--config-file",
        str(config),
        "--site-dir",
        str(site),
    ]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "true"}
    return subprocess.run(command, env=quiet, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    built = _build(ROOT, folder)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository with pages of its own; everything else is this one's."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    for path in ROOT.iterdir():
        if path.name != "docs":
            (tmp_path / path.name).symlink_to(path)
    return tmp_path


def _pages(site: Path) -> Iterator[tuple[str, str]]:
    for page in sorted(site.rglob("*.html")):
        yield str(page.relative_to(site)), page.read_text("utf-8")


def test_every_page_is_built(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs") for path in files("docs/*.md")}
    expected = {
        page.with_name(page.name.replace("README.md", "index.md")).with_suffix(".html") for page in pages
    }
    built = {Path(name) for name, _ in _pages(site)}
    assert built == expected | {
        Path(f"{name}.html") for name in ("index", "CONTRIBUTING", "CHANGELOG", "404")
    }


def test_pages_load_nothing_from_other_hosts(site: Path) -> None:
    for name, text in _pages(site):
        loaded = _Loaded()
        loaded.feed(text)
        assert loaded.addresses, name
        assert not [address for address in loaded.addresses if _FROM_ELSEWHERE.match(address)], name
        assert not [mark for mark in _MAKES_THE_SCRIPT_ASK if mark in text], name


def test_styles_load_nothing_from_other_hosts(site: Path) -> None:
    styles = list(site.rglob("*.css"))
    assert styles
    assert not [style for style in styles if _IN_STYLES.search(style.read_text("utf-8"))]


def test_no_markdown_is_left_in_the_text(site: Path) -> None:
    for name, text in _pages(site):
        article = re.sub(r"<(pre|code)\b.*?</\1>", "", text.partition("<article")[2], flags=re.DOTALL)
        assert not re.findall(r"```|\n- |\n\| |\n\d+\. |\]\(|\*\*", article.partition("</article")[0]), name


def test_what_is_missing_stops_the_build(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (copy / "docs" / "stray.md").write_text("# Stray\n")
    with (copy / "docs" / "accounts.md").open("a") as page:
        page.write(
            "\n[a](missing-page.md) [b](vast.md#missing-anchor) [c](../services/missing.py) [d](#missing)\n"
        )
    built = _build(copy, tmp_path_factory.mktemp("site"))
    assert built.returncode != 0
    for missing in ("stray.md", "missing-page.md", "#missing-anchor", "../services/missing.py", "'#missing'"):
        assert missing in built.stderr
