"""The protocol server is judged by the SDK's own tests, as they come with the installed package."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import vastdb

from tests.support.repository import ROOT
from tests.support.vast import KEYS, vast_server

PACKAGE = Path(vastdb.__file__).parent
PYTEST = [
    "-c", "/dev/null", "-rAfE", "-q", "--tb=short",
    "-p", "no:cacheprovider", "-p", "tests.support.vast_sdk_plugin",
]  # fmt: skip

# Tests that the server is not meant to pass, by file or by file and name, each with the reason.
LEFT_OUT = {
    "test_adbc_integration.py": "needs the driver that VAST ships as a closed package",
    "test_vector_search.py": "goes through that driver",
    "test_imports.py": "imports Parquet files that lie in the object store of the same cluster",
    "test_duckdb.py": "compares with what an older DuckDB returned",
    "test_tables.py::test_catalog_select": "reads a system table of real clusters",
    "test_tables.py::test_catalog_snapshots_select": "reads a system table of real clusters",
    "test_tables.py::test_audit_log_select": "reads a system table of real clusters",
    "test_tables.py::test_select_splits_sanity": "needs the fixture of a pytest plugin that is not installed",
}

# Tests that are not run, by file and name, each with the reason.
NOT_RUN = {
    "test_tables.py::test_filters": "takes a minute for filters of 100,000 values; see test_pushdown.py",
    "test_tables.py::test_list_columns_with_pagination": "makes tables of 64,000 columns for half a minute",
}


def ids(output: str, outcome: str) -> set[str]:
    return set(re.findall(rf"^{outcome} (?:\S*/)?(test_\w+\.py(?:::\S+)?)", output, re.MULTILINE))


@pytest.mark.slow
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
                *(f"--deselect=tests/{name}" for name in NOT_RUN),
            ],
            cwd=ROOT, capture_output=True, text=True, check=False, timeout=1190,
        )  # fmt: skip
    failed = ids(run.stdout, "FAILED") | ids(run.stdout, "ERROR")
    unexpected = {one for one in failed if one.partition("::")[0] not in LEFT_OUT and one not in LEFT_OUT}
    assert not unexpected, run.stdout[-20_000:]
    stale = {name for name in LEFT_OUT if not any(one == name or one.startswith(name) for one in failed)}
    assert not stale, "these pass or are gone: take them off the list"
    assert len(ids(run.stdout, "PASSED")) > 500
