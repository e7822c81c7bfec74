"""Checks the English of pages, docstrings and comments with a short list of phrases.

Run as `python -m tests.project.prose`, as `make lint` does, or with the paths to check. Each line of its
output names a place, the phrase there, and what to write instead. The exit code is 1 if it found something.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from tests.support.project.repository import ROOT, files

# The pages, modules and protos at and below these paths are checked.
COVERED: Final = (
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "bench", "client", "gateway", "protos/tams",
    "services", "simulators", "tests",
)  # fmt: skip

# Phrases, by what to write in their place. A blank also stands for the end of a line.
PHRASES: Final = {
    r"tells?|told|telling": "report, show, name, describe: programs do not talk",
    r"heard|hears?": "noticed, read",
    r"(?:is|are|be|was|were|been|stays?) away": "unreachable, unavailable, stopped",
    r"(?<!there )(?:is|are) (?-i:none)": "say what it is instead: malformed, unknown, missing",
    r"what is of|of ours|of theirs": "ours, theirs, or the owner's name",
    r"anew|by and by|for ever|for evermore": "again, in the background, until it ends",
    r"so many (?!that\b)\w+": "the number, or a name for it",
    r"goes on|went on": "continues, continued",
    r"be (?:it|they) \w+": "whether it is",
    r"by its own account": "as its header says",
    r"utils?|helpers?": "name what it does",
}

# First words of a docstring that make a riddle of it.
OPENINGS: Final = {
    "What": "begin with the noun: 'The flows that ...'",
    "Who": "begin with the noun: 'The subscriber that ...'",
    "How": "begin with the noun: 'The number of ...', 'The order of ...'",
    "Where": "begin with the noun: 'The place of ...', 'The folder with ...'",
}

# Tables that are written from the code have its words.
_CODE: Final = re.compile(
    r"^```.*?^```|`[^`]+`|\]\([^)]*\)|^<!-- written by .*?^<!-- end -->|<!--.*?-->", re.MULTILINE | re.DOTALL
)
_VISIBLE: Final = re.compile(r"[^\n]")


class Finding(NamedTuple):
    """A phrase to replace, with its place and a suggestion."""

    line: int
    phrase: str
    instead: str


def _pattern(phrase: str) -> re.Pattern[str]:
    # Lookbehinds need a fixed width, so the blank in them stays one character.
    held = re.sub(r"(?<!there) ", r"[\\s#]+", phrase)
    return re.compile(rf"\b(?:{held})\b", re.IGNORECASE)


_PATTERNS: Final = {_pattern(phrase): instead for phrase, instead in PHRASES.items()}


def findings_in_page(text: str) -> Iterator[Finding]:
    """The findings in a page of Markdown; code, links and comments do not count."""
    yield from _phrases(_CODE.sub(_blank, text))


def findings_in_module(text: str) -> Iterator[Finding]:
    """The findings in the docstrings and comments of a module; its code does not count."""
    for line, docstring in _docstrings(text):
        yield from _in_block(line, docstring)
        yield from _openings(line, docstring)
    for line, comment in _comments(text):
        yield from _in_block(line, comment)


def findings_in_proto(text: str) -> Iterator[Finding]:
    """The findings in the comments of a proto file, which all document something; its code does not count."""
    lines = enumerate(map(str.strip, text.splitlines()), 1)
    for line, comment in _joined((line, text[2:]) for line, text in lines if text.startswith("//")):
        yield from _in_block(line, comment)
        yield from _openings(line, comment.strip())


def _in_block(first_line: int, block: str) -> Iterator[Finding]:
    for finding in _phrases(_CODE.sub(_blank, block)):
        yield finding._replace(line=first_line + finding.line - 1)


def _openings(line: int, documentation: str) -> Iterator[Finding]:
    for opening, instead in OPENINGS.items():
        if documentation.startswith(f"{opening} "):
            yield Finding(line, opening, instead)


def _phrases(prose: str) -> Iterator[Finding]:
    for pattern, instead in _PATTERNS.items():
        for match in pattern.finditer(prose):
            line = prose.count("\n", 0, match.start()) + 1
            yield Finding(line, " ".join(match[0].split()), instead)


def _blank(match: re.Match[str]) -> str:
    return _VISIBLE.sub("·", match[0])


def _docstrings(text: str) -> Iterator[tuple[int, str]]:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, documented) and (docstring := ast.get_docstring(node, clean=False)):
            yield node.body[0].lineno, docstring


def _comments(text: str) -> Iterator[tuple[int, str]]:
    """Comments with their first lines. Comments on consecutive lines are one."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return _joined((token.start[0], token.string[1:]) for token in tokens if token.type == tokenize.COMMENT)


def _joined(comments: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    begin, lines = 0, [""]
    for line, comment in comments:
        if line == begin + len(lines):
            lines.append(comment)
            continue
        yield begin, "\n".join(lines)
        begin, lines = line, [comment]
    yield begin, "\n".join(lines)


_FINDINGS: Final = {".md": findings_in_page, ".py": findings_in_module, ".proto": findings_in_proto}


def findings(path: Path) -> list[Finding]:
    """The findings in a file, by line."""
    return sorted(_FINDINGS[path.suffix](path.read_text("utf-8")))


def checked(paths: Iterable[str] = COVERED) -> list[Path]:
    """The pages, modules and protos at and below the paths, in the order of their names."""
    listed = {file for path in paths for file in ([ROOT / path] if (ROOT / path).is_file() else files(path))}
    return sorted(file for file in listed if file.suffix in _FINDINGS)


def report(paths: Iterable[str] = COVERED) -> Iterator[str]:
    """A line for each finding in the files at and below the paths."""
    for file in checked(paths):
        name = file.relative_to(ROOT) if file.is_relative_to(ROOT) else file
        for line, phrase, instead in findings(file):
            yield f"{name}:{line}: {phrase!r}: {instead}"


if __name__ == "__main__":
    lines = list(report(sys.argv[1:] or COVERED))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.exit(bool(lines))
