"""Checks that docs/conformance.md is complete and up to date."""

from tests.conformance import table
from tests.support.openapi import contract, official

# Further methods for paths of TAMS.
EXTENSIONS = {("DELETE", "/sources/{}"), ("DELETE", "/objects/{}")}
# Options of soft deletion can be wrong.
WITH_OPTIONS = {("DELETE", "/flows/{}"): {400}, ("DELETE", "/flows/{}/segments"): {400}}


def test_every_documented_status_of_every_operation_is_reached() -> None:
    documented = {(operation, status) for operation in contract.operations() for status in operation.statuses}
    assert {f"{operation} {status}" for operation, status in documented ^ table.reached().keys()} == set()


def test_the_conformance_page_is_up_to_date() -> None:
    assert table.PAGE.read_text("utf-8") == table.page()


@official.needed
def test_every_operation_of_tams_exists() -> None:
    operations = {
        (operation.method, contract.nameless(operation.path)) for operation in contract.operations()
    }
    official_operations = {
        (method.upper(), contract.nameless(path))
        for path, item in official.openapi()["paths"].items()
        for method in item
        if method in contract.METHODS
    }
    assert len(official_operations) == 74
    assert official_operations <= operations
    extra = operations - official_operations - EXTENSIONS
    assert {path.split("/")[1] for _, path in extra} == {"x", "health", "ready", "openapi.json", "docs"}


@official.needed
def test_statuses_that_tams_lacks_are_common_to_all_operations() -> None:
    for path, item in official.openapi()["paths"].items():
        for operation in contract.operations():
            key = operation.method, contract.nameless(operation.path)
            if key[1] == contract.nameless(path) and key not in EXTENSIONS:
                official_statuses = {int(status) for status in item[operation.method.lower()]["responses"]}
                additional = operation.statuses - official_statuses - table.COMMON.keys()
                # Callers without the scope of an operation are refused.
                assert additional <= {403} | WITH_OPTIONS.get(key, set()), operation
