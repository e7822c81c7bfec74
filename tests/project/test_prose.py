"""Checks that the prose check finds riddles, and accepts code and plain English."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.project.prose import (
    COVERED,
    checked,
    findings_in_module,
    findings_in_page,
    findings_in_proto,
    report,
)
from tests.support.project.repository import ROOT


def test_pages_and_comments_are_plain_english() -> None:
    assert list(report()) == []


@pytest.mark.parametrize("path", COVERED)
def test_each_covered_path_has_files(path: str) -> None:
    assert checked([path]) != []


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("The service tells the client.", "tells"),
        ("The database is away.", "is away"),
        ("A URL that is none is refused.", "is none"),
        ("It waits for so many seconds.", "so many seconds"),
        ("It waits for\nso\nmany seconds.", "so many seconds"),
        ("The load goes\non.", "goes on"),
        ("Files of ours.", "of ours"),
        ("Functions live in utils.", "utils"),
        ("# Told twice", "Told"),
    ],
)
def test_a_riddle_in_a_page_is_found(text: str, phrase: str) -> None:
    assert [finding.phrase for finding in findings_in_page(text)] == [phrase]


@pytest.mark.parametrize(
    "text",
    [
        "There is none.",
        "The value is None.",
        "They were so many that the queue was full.",
        "The code says `told`.",
        "```sh\necho told\n```",
        "See [the list](docs/told.md).",
        "<!-- written by make docs -->\nIt tells.\n<!-- end -->",
        "The figures are untold, the mantelpiece is far away.",
    ],
)
def test_code_and_plain_english_in_a_page_are_accepted(text: str) -> None:
    assert list(findings_in_page(text)) == []


@pytest.mark.parametrize(
    ("text", "line", "phrase"),
    [
        ('"""Where the rows are."""\n', 1, "Where"),
        ('class Pace:\n    """How quick it is."""\n', 2, "How"),
        ("x = 1\n\n# It is\n# away.\n", 3, "is away"),
        ('def read():\n    """Rows.\n\n    The cache is away.\n    """\n', 4, "is away"),
        ("# One line\n# or two, and so\n# many more.\n", 2, "so many more"),
    ],
)
def test_a_riddle_in_a_module_is_found(text: str, line: int, phrase: str) -> None:
    assert [(finding.line, finding.phrase) for finding in findings_in_module(text)] == [(line, phrase)]


@pytest.mark.parametrize(
    ("text", "line", "phrase"),
    [
        ("message A {\n  // What it is.\n  string told = 1;\n}\n", 2, "What"),
        ("// One load\n// goes\n// on.\nmessage A {}\n", 2, "goes on"),
    ],
)
def test_a_riddle_in_a_proto_is_found(text: str, line: int, phrase: str) -> None:
    assert [(finding.line, finding.phrase) for finding in findings_in_proto(text)] == [(line, phrase)]


def test_the_code_of_a_module_is_not_checked() -> None:
    text = (
        'import email.utils\n\ntold = "It is told"\nif told is None:  # How long: `told`\n    utils = "x"\n'
    )
    assert list(findings_in_module(text)) == []


def test_the_program_names_each_place_and_fails(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Fine.\n\nIt is told.\n", "utf-8")
    command = [sys.executable, "-m", "tests.project.prose", str(page)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout.count("\n")) == (1, 1)
    assert ran.stdout.startswith(f"{page}:3: 'told': ")
