from typing import Any

import pytest

from services.metadata.domain.documents.version import next_version

STORED = {
    "id": "x",
    "label": "a",
    "n": 1,
    "metadata_version": "7",
    "created": "then",
    "metadata_updated": "then",
}


def test_the_first_version_is_from_the_client_or_new() -> None:
    assert next_version({"metadata_version": "7"}, None) == "7"
    assert next_version({"metadata_version": ""}, None) == ""
    assert next_version({}, None) != next_version({}, None)


@pytest.mark.parametrize(
    "sent",
    [
        {"id": "x", "label": "a", "n": 1},
        {"n": 1, "label": "a", "id": "x", "metadata_version": "7"},
        {"id": "x", "label": "a", "n": 1, "created_by": "me", "updated_by": "you"},
    ],
)
def test_equal_metadata_keeps_its_version(sent: dict[str, Any]) -> None:
    assert next_version(sent, STORED) == "7"


@pytest.mark.parametrize(
    "sent",
    [
        {"id": "x", "label": "b", "n": 1},
        {"id": "x", "label": "b", "n": 1, "metadata_version": "7"},
        {"id": "x", "n": 1},
        {"id": "x", "label": "a", "n": True},
        {"id": "x", "label": "a", "n": 1, "vendor": None},
    ],
)
def test_changed_metadata_with_the_same_version_gets_a_new_version(sent: dict[str, Any]) -> None:
    assert next_version(sent, STORED) not in ("7", "", None)


def test_a_new_version_from_the_client_is_kept() -> None:
    for label in ("a", "b"):
        assert next_version({"id": "x", "label": label, "n": 1, "metadata_version": "8"}, STORED) == "8"


def test_a_flow_without_a_version_gets_a_new_version() -> None:
    assert next_version({"id": "x"}, {"id": "x"})
