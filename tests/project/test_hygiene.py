"""Checks that no file of the project has forbidden texts."""

import re
from collections.abc import Iterator

import pytest

from tests.support.project.repository import ROOT, files

# The brackets keep this file from matching its own patterns.
MARKS = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b")
INDEX_HOSTS = re.compile(r"p[y]pi\.org|python[h]osted|https?://\S*/sim[p]le\b|--(?:extra-)?ind[e]x-url")
HOME_PATHS = re.compile(r"(?<![\w.:/])/(?:ro[o]t|ho[m]e|Us[e]rs|wo[r]k)/")
TEMPORARY_PATHS = re.compile(r"(?<![\w./])/t[m]p/")
KEYS = re.compile(r"AKI[A][0-9A-Z]{16}|-----BEG[I]N [A-Z ]*PRIVATE KEY-----")
ASSIGNED = re.compile(
    r"(?i)(?:secret|password|access_key|token)\w*[\"']?\s*[:=]\s*[\"'](?!/)[A-Za-z0-9/+_-]{16,}[\"']"
)


def lines() -> Iterator[tuple[str, str]]:
    for path in files(":!protos/gen", ":!*.lock"):
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{number}", line


@pytest.fixture(scope="module")
def everything() -> list[tuple[str, str]]:
    return list(lines())


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param(MARKS, id="unfinished marks"),
        pytest.param(INDEX_HOSTS, id="package index hosts"),
        pytest.param(HOME_PATHS, id="paths of one machine"),
        pytest.param(KEYS, id="keys"),
    ],
)
def test_no_file_has_a_forbidden_text(everything: list[tuple[str, str]], pattern: re.Pattern[str]) -> None:
    assert [f"{where} {line.strip()}" for where, line in everything if pattern.search(line)] == []


@pytest.mark.parametrize("pattern", [TEMPORARY_PATHS, ASSIGNED], ids=["temporary paths", "assigned secrets"])
def test_only_tests_have_example_paths_and_secrets(
    everything: list[tuple[str, str]], pattern: re.Pattern[str]
) -> None:
    found = [f"{where} {line.strip()}" for where, line in everything if pattern.search(line)]
    assert [line for line in found if not line.startswith("tests/")] == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MARKS, "# TO" + "DO later"),
        (INDEX_HOSTS, "https://py" + "pi.org/project"),
        (HOME_PATHS, "cd /ho" + "me/me/store"),
        (TEMPORARY_PATHS, "open('/t" + "mp/x')"),
        (KEYS, "AKI" + "AABCDEFGHIJKLMNOP"),
        (ASSIGNED, 'secret_key = "0123456789' + 'abcdef"'),
    ],
)
def test_a_pattern_finds_its_example(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)
