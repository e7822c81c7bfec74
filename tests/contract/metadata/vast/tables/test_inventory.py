"""The list of the places of all objects."""

from typing import Any

from services.metadata.adapters.inventory import ListedObject
from services.metadata.adapters.vast.inventory import list_vast_objects
from tests.support.vast.clusters import add_rows, vast_cluster


def test_objects_with_a_place_are_listed() -> None:
    rows: list[dict[str, Any]] = [
        {"id": "stored", "storage_id": "s", "storage_path": "p/1", "state": "registered", "size": 5},
        {"id": "allocated", "storage_id": "s", "storage_path": "p/2", "state": "allocated"},
        {"id": "older", "storage_id": "s", "storage_path": "p/3"},
        {"id": "outside", "state": "registered"},
        {"id": "gone", "storage_id": "s", "storage_path": "p/4", "state": "reclaimed", "copies": "[]"},
    ]
    with vast_cluster(with_store=True) as cluster:
        add_rows(cluster, "objects", *rows)
        for name, state in (("stored", "stored"), ("retired", "retired"), ("gone", "stored")):
            copy = {"object_id": name, "storage_id": "c", "storage_path": "c/1", "state": state}
            add_rows(cluster, "object_copies", copy)
        assert sorted(list_vast_objects(cluster)) == [
            ListedObject("allocated", "s", "p/2", is_registered=False, size=None),
            ListedObject("gone", "c", "c/1", is_registered=False, size=None),
            ListedObject("gone", "s", "p/4", is_registered=False, size=None),
            ListedObject("older", "s", "p/3", is_registered=True, size=None),
            ListedObject("retired", "c", "c/1", is_registered=False, size=None),
            ListedObject("stored", "c", "c/1", is_registered=True, size=None),
            ListedObject("stored", "s", "p/1", is_registered=True, size=5),
        ]
