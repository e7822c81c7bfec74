import itertools
import re
import time
import uuid
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared import ids


def test_new_ids_are_valid_and_differ() -> None:
    new_ids = {ids.new_uuid() for _ in range(100)}
    assert len(new_ids) == 100
    assert all(map(ids.is_uuid, new_ids))


@given(st.uuids(allow_nil=False))
def test_only_uuids_of_versions_1_to_5_are_ids(value: UUID) -> None:
    assert ids.is_uuid(str(value)) == (value.version in range(1, 6))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00000000-0000-0000-0000-000000000000",
        "00000000-0000-4000-8000-00000000000",
        "00000000-0000-4000-8000-0000000000000",
        "00000000-0000-4000-8000-00000000000\n",
        "00000000-0000-4000-8000-00000000000A",
        "00000000-0000-4000-c000-000000000000",
        "{00000000-0000-4000-8000-000000000000}",
        "00000000000040008000000000000000",
    ],
)
def test_other_texts_are_not_ids(text: str) -> None:
    assert not ids.is_uuid(text)


def test_object_ids_ascend_by_millisecond_and_are_uuids_of_version_7(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_in_order", ids.TimeOrder())
    clock = itertools.count(1_700_000_000_000_000_000, 1_000_000)
    monkeypatch.setattr(time, "time_ns", lambda: next(clock))
    object_ids = [ids.new_object_id(), *ids.new_object_ids(49)]
    assert object_ids == sorted(object_ids)
    for text in object_ids:
        value = uuid.UUID(text)
        assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert uuid.UUID(object_ids[0]).int >> 80 == 1_700_000_000_000


def test_object_ids_of_the_same_millisecond_ascend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_in_order", ids.TimeOrder())
    monkeypatch.setattr(time, "time_ns", lambda: 1_700_000_000_000_000_000)
    object_ids = [*ids.new_object_ids(2500), *(ids.new_object_id() for _ in range(2500))]
    assert object_ids == sorted(set(object_ids))


def test_object_ids_ascend_when_the_clock_is_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ids.new_object_id()
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert before < ids.new_object_id() < ids.new_object_id()


def test_the_pattern_matches_an_id_without_anchors() -> None:
    assert re.fullmatch(ids.UUID_PATTERN, "00000000-0000-4000-8000-000000000000")
