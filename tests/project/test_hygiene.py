"""What no file of the project may hold."""

import re

import pytest

from tests.support.repository import ROOT, files

# Written so that this file passes its own checks.
MARKS = re.compile(r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b")
INDEX_HOSTS = re.compile(r"p[y]pi\.org|python[h]osted|https?://\S*/sim[p]le\b|--(?:extra-)?ind[e]x-url")
HOME_PATHS = re.compile(r"(?<![\w.:/])/(?:ro[o]t|ho[m]e|Us[e]rs|wo[r]k)/")
TEMPORARY_PATHS = re.compile(r"(?<![\w./])/t[m]p/")
KEYS = re.compile(r"AKI[A][0-9A-Z]{16}|-----BEG[I]N [A-Z ]*PRIVATE KEY-----")
ASSIGNED = re.compile(
    r"(?i)(?:secret|password|access_key|token)\w*[\"']?\s*[:=]\s*[\"'](?!/)[A-Za-z0-9/+_-]{16,}[\"']"
)


def lines():
    for path in files(":!protos/gen", ":!*.lock"):
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{number}", line


@pytest.fixture(scope="module")
def everything():
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
def test_no_file_holds(everything, pattern):
    assert [f"{where} {line.strip()}" for where, line in everything if pattern.search(line)] == []


@pytest.mark.parametrize("pattern", [TEMPORARY_PATHS, ASSIGNED], ids=["temporary paths", "assigned secrets"])
def test_only_tests_hold(everything, pattern):
    found = [f"{where} {line.strip()}" for where, line in everything if pattern.search(line)]
    assert [one for one in found if not one.startswith("tests/")] == []


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
def test_the_patterns_find_what_they_are_for(pattern, line):
    assert pattern.search(line)
