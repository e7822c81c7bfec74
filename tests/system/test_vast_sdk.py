"""The SDK's own tests, from the installed package, against the protocol server."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import vastdb

from tests.support.project.repository import ROOT
from tests.support.vast.clusters import KEYS, vast_server

pytestmark = [pytest.mark.slow, pytest.mark.long]

PACKAGE = Path(vastdb.__file__).parent
PYTEST = [
    "-c", "/dev/null", "-rAfE", "-q", "--tb=short",
    "-p", "no:cacheprovider", "-p", "tests.support.vast.sdk_plugin",
]  # fmt: skip

# Tests that the server need not pass, by file or by file and name, with the reasons.
LEFT_OUT = {
    "test_adbc_integration.py": "needs the driver that VAST ships as a closed package",
    "test_vector_search.py": "uses that driver",
    "test_imports.py": "imports Parquet files that lie in the object store of the same cluster",
    "test_duckdb.py": "compares with what an older DuckDB returned",
    "test_tables.py::test_catalog_select": "reads a system table of real clusters",
    "test_tables.py::test_catalog_snapshots_select": "reads a system table of real clusters",
    "test_tables.py::test_audit_log_select": "reads a system table of real clusters",
    "test_tables.py::test_select_splits_sanity": "needs the fixture of a pytest plugin that is not installed",
}

# Files that are not run, with the reasons.
IGNORED = {
    "test_by_column_inserter.py": "has 400 tests of the SDK alone, with a client of its own making",
}

# Tests that are not run, by file and name, with the reasons.
NOT_RUN = {
    "test_imports.py::test_zip_imports_scale": "makes many Parquet files for imports, which are left out",
    "test_tables.py::test_filters": "takes a minute for filters of 100,000 values; see test_pushdown.py",
    "test_tables.py::test_list_columns_with_pagination": "makes tables of 64,000 columns for half a minute",
}


def ids(output: str, outcome: str) -> set[str]:
    return set(re.findall(rf"^{outcome} (?:\S*/)?(test_\w+\.py(?:::\S+)?)", output, re.MULTILINE))


@pytest.mark.timeout(1200)
def test_the_sdk_passes_its_own_tests() -> None:
    with vast_server(endpoints=1) as server:
        options = {
            "--rootdir": str(PACKAGE),
            "--confcutdir": str(PACKAGE),
            "--tabular-endpoint-url": server.urls[0],
            "--tabular-access-key": KEYS.access_key,
            "--tabular-secret-key": KEYS.secret_key,
            "--tabular-bucket-name": "vastdb",
        }
        run = subprocess.run(
            [
                sys.executable, "-m", "pytest", PACKAGE / "tests", *PYTEST, *map("=".join, options.items()),
                *(f"--ignore={PACKAGE / 'tests' / name}" for name in IGNORED),
                *(f"--deselect=tests/{name}" for name in NOT_RUN),
            ],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=1190,
        )  # fmt: skip
    failed = ids(run.stdout, "FAILED") | ids(run.stdout, "ERROR")
    unexpected = {test for test in failed if not {test, test.partition("::")[0]} & LEFT_OUT.keys()}
    assert not unexpected, run.stdout[-20_000:]
    stale = {name for name in LEFT_OUT if not any(test.startswith(name) for test in failed)}
    assert not stale, f"these tests pass or do not exist, remove them from LEFT_OUT: {stale}"
    assert len(ids(run.stdout, "PASSED")) > 150
