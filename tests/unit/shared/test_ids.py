import itertools
import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.shared import ids


def test_new_ids_are_tams_ids_and_differ():
    made = {ids.new_uuid() for _ in range(100)}
    assert len(made) == 100
    assert all(map(ids.is_uuid, made))


@given(st.uuids(allow_nil=False))
def test_versions_1_to_5_are_ids(value):
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
def test_other_texts_are_no_ids(text):
    assert not ids.is_uuid(text)


def test_object_ids_ascend_by_millisecond_and_are_uuids_of_version_7(monkeypatch):
    monkeypatch.setattr(ids, "_in_order", ids.TimeOrder())
    clock = itertools.count(1_700_000_000_000_000_000, 1_000_000)
    monkeypatch.setattr(ids.time, "time_ns", lambda: next(clock))
    made = [ids.new_object_id() for _ in range(50)]
    assert made == sorted(made)
    for text in made:
        value = uuid.UUID(text)
        assert (value.version, value.variant) == (7, uuid.RFC_4122)
    assert uuid.UUID(made[0]).int >> 80 == 1_700_000_000_000


def test_object_ids_of_one_millisecond_ascend_too(monkeypatch):
    monkeypatch.setattr(ids, "_in_order", ids.TimeOrder())
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_700_000_000_000_000_000)
    made = [ids.new_object_id() for _ in range(5000)]
    assert made == sorted(set(made))


def test_object_ids_ascend_when_the_clock_is_set_back(monkeypatch):
    before = ids.new_object_id()
    monkeypatch.setattr(ids.time, "time_ns", lambda: 0)
    assert before < ids.new_object_id() < ids.new_object_id()


def test_the_pattern_needs_no_anchors():
    assert re.fullmatch(ids.UUID_PATTERN, "00000000-0000-4000-8000-000000000000")
