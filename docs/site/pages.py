# ruff: noqa: INP001 - hooks beside the configuration that names them, not part of a package
"""Hooks of MkDocs: make the site from pages that are written to be read in the repository.

The pages at the top of the repository become pages of the site. Links between pages are kept. A link to
another file becomes its text and the path of the file. The pages of a folder follow in the order of its
README.
"""

import logging
import os
import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
TOP: Final = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")

# MkDocs counts the warnings below its own name, and a strict build fails with one.
_log = logging.getLogger("mkdocs.hooks.pages")
_LINK: Final = r"\[(?P<text>(?:[^\[\]`]|`[^`]*`)*)\]\((?P<target>[^()\s]+)\)"
_PARTS: Final = re.compile(
    rf"^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<block>.*?)^ *```$|{_LINK}|(?P<code>`[^`\n]+`)",
    re.MULTILINE | re.DOTALL,
)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The configuration, with the pages of each folder of the navigation in place of the folder."""
    config.nav = [_expanded(entry) for entry in config.nav or []]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files of the site, with the pages at the top of the repository."""
    for name in TOP:
        files.append(File.generated(config, name, abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """The text of a page with links that lead within the site. A link to a missing file is a warning."""
    source = (ROOT if page.file.src_uri in TOP else DOCS) / page.file.src_uri
    return _PARTS.sub(lambda part: _rewritten(part, source), markdown)


def _expanded(entry: Any) -> Any:
    if isinstance(entry, dict):
        return {title: _pages_of(part) if str(part).endswith("/") else part for title, part in entry.items()}
    return entry


def _pages_of(folder: str) -> list[str]:
    readme = (DOCS / folder / "README.md").read_text("utf-8")
    linked = dict.fromkeys(re.findall(r"\]\(([\w-]+\.md)\)", readme))
    return [f"{folder}{name}" for name in ("README.md", *linked)]


def _rewritten(part: re.Match[str], source: Path) -> str:
    if part["block"] is not None:
        # Words after the language are for the tests that run the example.
        return f"{part['indent']}```{part['language']}\n{part['block']}{part['indent']}```"
    if part["code"]:
        # Code hosts want a bar in the code of a table escaped; Python-Markdown shows the escape.
        return part["code"].replace(r"\|", "|")
    return _link(part, source)


def _link(part: re.Match[str], source: Path) -> str:
    path, hash_sign, anchor = part["target"].partition("#")
    if not path or "://" in path or path.startswith("mailto:"):
        return part[0]
    target = Path(os.path.normpath(source.parent / path))
    if not target.exists():
        _log.warning("%s links to %s, which does not exist", source.relative_to(ROOT), part["target"])
    if (place := _place(target)) is None:
        return _as_path(part["text"], str(target.relative_to(ROOT)))
    here = _place(source) or Path()
    return f"[{part['text']}]({os.path.relpath(place, here.parent)}{hash_sign}{anchor})"


def _place(target: Path) -> Path | None:
    """The place of a file among the pages of the site, or None if it is no page."""
    if target.parent == ROOT and target.name in TOP:
        return Path(target.name)
    if target.is_relative_to(DOCS) and target.suffix == ".md":
        return target.relative_to(DOCS)
    return None


def _as_path(text: str, path: str) -> str:
    return f"`{path}`" if text.strip("`") in path else f"{text} (`{path}`)"
