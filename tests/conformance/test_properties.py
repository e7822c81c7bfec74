"""Single properties and tags of sources and flows."""

from tests.conformance.reaching import reaches
from tests.support.gateway import new_id

# By name: a value to set, one of the wrong type, and what is read when it is not set.
TEXT = ("a text", 1, None)
SOURCE_PROPERTIES = {"description": TEXT, "label": TEXT}
FLOW_PROPERTIES = SOURCE_PROPERTIES | {
    "flow_collection": ([], [{"role": "x"}], []),
    "max_bit_rate": (5000, "5000", None),
    "avg_bit_rate": (4000, -1, None),
}
TAG = "a.b%2Fc%20%C3%BC"


def reaches_properties(path, names, *write):
    """A decorator for tests of the properties of one kind of resource."""

    def mark(test):
        for name in names:
            reaches(f"GET {path}/{name}", 200, 404)(test)
            reaches(f"PUT {path}/{name}", 204, 400, 404, *write)(test)
            reaches(f"DELETE {path}/{name}", 204, 404, *write)(test)
        return test

    return mark


async def each_step(tams, owner, properties):
    for name, (value, wrong, unset) in properties.items():
        path = f"{owner}/{name}"
        before = await tams.get(path)
        assert before.status_code == (404 if unset is None else 200)
        assert (await tams.put(path, json=wrong)).status_code == 400
        assert (await tams.put(path, json=value)).status_code == 204
        assert (await tams.get(path)).json() == value
        for _ in range(2):
            assert (await tams.delete(path)).status_code == 204
        assert (await tams.get(path)).status_code == before.status_code


async def nothing_there(tams, owner, properties):
    for name, (value, _, _) in properties.items():
        path = f"{owner}/{name}"
        answers = [await tams.get(path), await tams.put(path, json=value), await tams.delete(path)]
        assert [one.status_code for one in answers] == [404] * 3


@reaches_properties("/sources/{sourceId}", SOURCE_PROPERTIES)
async def test_properties_of_sources(tams, flow):
    await each_step(tams, f"/sources/{flow['source_id']}", SOURCE_PROPERTIES)
    for source in (new_id(), "malformed"):
        await nothing_there(tams, f"/sources/{source}", SOURCE_PROPERTIES)


@reaches_properties("/flows/{flowId}", FLOW_PROPERTIES, 403)
async def test_properties_of_flows(tams, flow, read_only_flow):
    await each_step(tams, f"/flows/{flow['id']}", FLOW_PROPERTIES)
    for unknown in (new_id(), "malformed"):
        await nothing_there(tams, f"/flows/{unknown}", FLOW_PROPERTIES)
    for name, (value, _, _) in FLOW_PROPERTIES.items():
        path = f"/flows/{read_only_flow['id']}/{name}"
        assert (await tams.put(path, json=value)).status_code == 403
        assert (await tams.delete(path)).status_code == 403


@reaches("GET /flows/{flowId}/flow_collection", 200, 404)
@reaches("PUT /flows/{flowId}/flow_collection", 204, 400)
async def test_collections_show_at_both_ends(tams, make_flow):
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
async def test_the_read_only_mark(tams, flow):
    path = f"/flows/{flow['id']}/read_only"
    assert (await tams.get(path)).json() is False
    for value in (True, True, False):
        assert (await tams.put(path, json=value)).status_code == 204
        assert (await tams.get(path)).json() is value
    assert (await tams.put(path, json="true")).status_code == 400
    nowhere = f"/flows/{new_id()}/read_only"
    assert (await tams.get(nowhere)).status_code == 404
    assert (await tams.put(nowhere, json=True)).status_code == 404


async def tags_of(tams, owner, nobody):
    path = f"{owner}/tags/{TAG}"
    assert (await tams.get(f"{owner}/tags")).json() == {}
    assert (await tams.get(path)).status_code == 404
    assert (await tams.put(path, json=["x"])).status_code == 400
    assert (await tams.put(path, json="x")).status_code == 204
    assert (await tams.get(path)).json() == "x"
    assert (await tams.get(f"{owner}/tags")).json() == {"a.b/c ü": "x"}
    assert (await tams.delete(path)).status_code == 204
    assert (await tams.delete(path)).status_code == 404
    assert (await tams.get(f"{nobody}/tags")).status_code == 404
    assert (await tams.put(f"{nobody}/tags/{TAG}", json="x")).status_code == 404


@reaches("GET /sources/{sourceId}/tags", 200, 404)
@reaches("GET /sources/{sourceId}/tags/{name}", 200, 404)
@reaches("PUT /sources/{sourceId}/tags/{name}", 204, 400, 404)
@reaches("DELETE /sources/{sourceId}/tags/{name}", 204, 404)
async def test_tags_of_sources(tams, flow):
    await tags_of(tams, f"/sources/{flow['source_id']}", f"/sources/{new_id()}")


@reaches("GET /flows/{flowId}/tags", 200, 404)
@reaches("GET /flows/{flowId}/tags/{name}", 200, 404)
@reaches("PUT /flows/{flowId}/tags/{name}", 204, 400, 403, 404)
@reaches("DELETE /flows/{flowId}/tags/{name}", 204, 403, 404)
async def test_tags_of_flows(tams, flow, read_only_flow):
    await tags_of(tams, f"/flows/{flow['id']}", f"/flows/{new_id()}")
    path = f"/flows/{read_only_flow['id']}/tags/{TAG}"
    assert (await tams.put(path, json="x")).status_code == 403
    assert (await tams.delete(path)).status_code == 403
