"""Single properties and tags of sources and flows."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.conformance.conftest import MakeFlow
from tests.conformance.reaching import Client, Test, reaches
from tests.support.services.gateway import new_id

# A valid value, an invalid value, and the value that is read when the property is not set (None: 404).
Values = tuple[Any, Any, Any]

TEXT: Values = ("a text", 1, None)
SOURCE_PROPERTIES = {"description": TEXT, "label": TEXT}
FLOW_PROPERTIES: dict[str, Values] = SOURCE_PROPERTIES | {
    "flow_collection": ([], [{"role": "x"}], []),
    "max_bit_rate": (5000, "5000", None),
    "avg_bit_rate": (4000, -1, None),
}
TAG = "a.b%2Fc%20%C3%BC"


def reaches_properties(path: str, names: Iterable[str], *write: int) -> Callable[[Test], Test]:
    """A decorator for tests of the properties of a kind of resource."""

    def mark(test: Test) -> Test:
        for name in names:
            reaches(f"GET {path}/{name}", 200, 404)(test)
            reaches(f"PUT {path}/{name}", 204, 400, 404, *write)(test)
            reaches(f"DELETE {path}/{name}", 204, 404, *write)(test)
        return test

    return mark


async def check_properties(tams: Client, owner: str, properties: Mapping[str, Values]) -> None:
    for name, (value, invalid, unset) in properties.items():
        path = f"{owner}/{name}"
        before = await tams.get(path)
        assert before.status_code == (404 if unset is None else 200)
        assert (await tams.put(path, json=invalid)).status_code == 400
        assert (await tams.put(path, json=value)).status_code == 204
        assert (await tams.get(path)).json() == value
        for _ in range(2):
            assert (await tams.delete(path)).status_code == 204
        assert (await tams.get(path)).status_code == before.status_code


async def check_missing(tams: Client, owner: str, properties: Mapping[str, Values]) -> None:
    for name, (value, _, _) in properties.items():
        path = f"{owner}/{name}"
        answers = [await tams.get(path), await tams.put(path, json=value), await tams.delete(path)]
        assert [answer.status_code for answer in answers] == [404] * 3


@reaches_properties("/sources/{sourceId}", SOURCE_PROPERTIES)
async def test_properties_of_a_source_are_set_read_and_deleted(tams: Client, flow: dict[str, Any]) -> None:
    await check_properties(tams, f"/sources/{flow['source_id']}", SOURCE_PROPERTIES)
    for source in (new_id(), "malformed"):
        await check_missing(tams, f"/sources/{source}", SOURCE_PROPERTIES)


@reaches_properties("/flows/{flowId}", FLOW_PROPERTIES, 403)
async def test_properties_of_a_flow_are_set_read_and_deleted(
    tams: Client, flow: dict[str, Any], read_only_flow: dict[str, Any]
) -> None:
    await check_properties(tams, f"/flows/{flow['id']}", FLOW_PROPERTIES)
    for unknown in (new_id(), "malformed"):
        await check_missing(tams, f"/flows/{unknown}", FLOW_PROPERTIES)
    for name, (value, _, _) in FLOW_PROPERTIES.items():
        path = f"/flows/{read_only_flow['id']}/{name}"
        assert (await tams.put(path, json=value)).status_code == 403
        assert (await tams.delete(path)).status_code == 403


@reaches("GET /flows/{flowId}/flow_collection", 200, 404)
@reaches("PUT /flows/{flowId}/flow_collection", 204, 400)
async def test_a_collection_shows_in_owner_and_member(tams: Client, make_flow: MakeFlow) -> None:
    whole, part = await make_flow(), await make_flow()
    path = f"/flows/{whole['id']}/flow_collection"
    collection = [{"id": part["id"], "role": "video", "container_mapping": {"track_index": 1}}]
    assert (await tams.put(path, json=collection)).status_code == 204
    assert (await tams.get(path)).json() == collection
    assert (await tams.get(f"/flows/{part['id']}")).json()["collected_by"] == [whole["id"]]
    collected = (await tams.get(f"/sources/{whole['source_id']}")).json()["source_collection"]
    assert collected == [{"id": part["source_id"], "role": "video"}]
    for member in (whole["id"], new_id()):
        assert (await tams.put(path, json=[{"id": member, "role": "x"}])).status_code == 400
    assert (await tams.get(f"/flows/{new_id()}/flow_collection")).status_code == 404


@reaches("GET /flows/{flowId}/read_only", 200, 404)
@reaches("PUT /flows/{flowId}/read_only", 204, 400, 404)
async def test_the_read_only_mark_is_set_and_read(tams: Client, flow: dict[str, Any]) -> None:
    path = f"/flows/{flow['id']}/read_only"
    assert (await tams.get(path)).json() is False
    for value in (True, True, False):
        assert (await tams.put(path, json=value)).status_code == 204
        assert (await tams.get(path)).json() is value
    assert (await tams.put(path, json="true")).status_code == 400
    unknown = f"/flows/{new_id()}/read_only"
    assert (await tams.get(unknown)).status_code == 404
    assert (await tams.put(unknown, json=True)).status_code == 404


async def check_tags(tams: Client, owner: str, unknown: str) -> None:
    path = f"{owner}/tags/{TAG}"
    assert (await tams.get(f"{owner}/tags")).json() == {}
    assert (await tams.get(path)).status_code == 404
    assert (await tams.put(path, json=["x"])).status_code == 400
    assert (await tams.put(path, json="x")).status_code == 204
    assert (await tams.get(path)).json() == "x"
    assert (await tams.get(f"{owner}/tags")).json() == {"a.b/c ü": "x"}
    assert (await tams.delete(path)).status_code == 204
    assert (await tams.delete(path)).status_code == 404
    assert (await tams.get(f"{unknown}/tags")).status_code == 404
    assert (await tams.put(f"{unknown}/tags/{TAG}", json="x")).status_code == 404


@reaches("GET /sources/{sourceId}/tags", 200, 404)
@reaches("GET /sources/{sourceId}/tags/{name}", 200, 404)
@reaches("PUT /sources/{sourceId}/tags/{name}", 204, 400, 404)
@reaches("DELETE /sources/{sourceId}/tags/{name}", 204, 404)
async def test_tags_of_a_source_are_set_read_and_deleted(tams: Client, flow: dict[str, Any]) -> None:
    await check_tags(tams, f"/sources/{flow['source_id']}", f"/sources/{new_id()}")


@reaches("GET /flows/{flowId}/tags", 200, 404)
@reaches("GET /flows/{flowId}/tags/{name}", 200, 404)
@reaches("PUT /flows/{flowId}/tags/{name}", 204, 400, 403, 404)
@reaches("DELETE /flows/{flowId}/tags/{name}", 204, 403, 404)
async def test_tags_of_a_flow_are_set_read_and_deleted(
    tams: Client, flow: dict[str, Any], read_only_flow: dict[str, Any]
) -> None:
    await check_tags(tams, f"/flows/{flow['id']}", f"/flows/{new_id()}")
    path = f"/flows/{read_only_flow['id']}/tags/{TAG}"
    assert (await tams.put(path, json="x")).status_code == 403
    assert (await tams.delete(path)).status_code == 403
