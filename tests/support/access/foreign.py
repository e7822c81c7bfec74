"""Resources of one class in a secured store, and a caller of another class, who must not learn of them."""

from typing import Any, Final, NamedTuple
from uuid import uuid4

import httpx

from tests.support.access.secured_store import SecuredStore

OWN, FOREIGN = "sport", "news"
SCOPES: Final = ("read", "write", "delete")
# More than one slice of a deletion, so that it becomes a request.
_SEGMENTS: Final = 1100


class Foreign(NamedTuple):
    """The ids of resources of the class FOREIGN, and of a flow and source of the class OWN."""

    flow: str
    source: str
    object: str
    allocated: str
    upload: str
    trash_entry: str
    trashed_flow: str
    trashed_source: str
    deletion: str
    webhook_url: str
    own_flow: str
    own_source: str

    @property
    def secrets(self) -> list[str]:
        """The texts that no answer to a caller of the class OWN may contain."""
        return [
            self.flow, self.source, self.object, self.allocated, self.upload, self.trash_entry,
            self.trashed_flow, self.trashed_source, self.deletion, self.webhook_url, "planted",
        ]  # fmt: skip


def bob(secured: SecuredStore) -> dict[str, str]:
    """The header of a caller of the class OWN with all scopes but admin."""
    return secured.bearer(*SCOPES, sub="bob", classes=[OWN])


def alice(secured: SecuredStore) -> dict[str, str]:
    """The header of a caller of the class FOREIGN with all scopes but admin."""
    return secured.bearer(*SCOPES, sub="alice", classes=[FOREIGN])


def a_flow(**members: Any) -> dict[str, Any]:
    """A new flow of a new source. Its caller gives it its class."""
    return {
        "id": str(uuid4()),
        "source_id": str(uuid4()),
        "format": "urn:x-nmos:format:video",
        "codec": "video/h264",
        "container": "video/mp2t",
        "essence_parameters": {"frame_width": 1920, "frame_height": 1080},
        **members,
    }


def make_foreign(secured: SecuredStore) -> Foreign:
    """Store the resources."""
    with (
        httpx.Client(base_url=secured.url, headers=alice(secured), trust_env=False, timeout=60) as hers,
        httpx.Client(base_url=secured.url, headers=bob(secured), trust_env=False, timeout=60) as his,
    ):
        flow, trashed, emptied = (_put(hers, a_flow(label="planted")) for _ in range(3))
        own = _put(his, a_flow())
        object_id = f"planted/{uuid4()}"
        _post(hers, f"/flows/{flow['id']}/segments", _segment(object_id, 0))
        _post(hers, f"/flows/{emptied['id']}/segments", [_segment(f"{uuid4()}", n) for n in range(_SEGMENTS)])
        allocated = str(uuid4())
        _post(hers, f"/flows/{flow['id']}/storage", {"object_ids": [allocated]})
        upload = hers.post(f"/x/objects/{allocated}/uploads").raise_for_status()
        url = f"https://93.184.216.34/{uuid4()}"
        _post(hers, "/service/webhooks", {"url": url, "events": ["flows/created"]})
        _post(hers, f"/flows/{trashed['id']}/segments", _segment(f"{uuid4()}", 0))
        hers.delete(f"/flows/{trashed['id']}?soft_delete=true").raise_for_status()
        (entry,) = hers.get("/x/trash", params={"flow_id": trashed["id"]}).raise_for_status().json()
        deletion = hers.delete(f"/flows/{emptied['id']}/segments")
        assert deletion.status_code == 202, deletion.text
    return Foreign(
        flow["id"],
        flow["source_id"],
        object_id,
        allocated,
        upload.json()["upload_id"],
        entry["id"],
        trashed["id"],
        trashed["source_id"],
        deletion.headers["location"].rpartition("/")[2],
        url,
        own["id"],
        own["source_id"],
    )


def _put(client: httpx.Client, flow: dict[str, Any]) -> dict[str, Any]:
    stored = client.put(f"/flows/{flow['id']}", json=flow)
    assert stored.status_code == 201, stored.text
    return flow


def _post(client: httpx.Client, path: str, body: object) -> None:
    posted = client.post(path, json=body)
    assert posted.status_code == 201, posted.text


def _segment(object_id: str, second: int) -> dict[str, Any]:
    urls = [{"url": f"https://media.example/{second}", "label": "planted"}]
    return {"object_id": object_id, "timerange": f"[{second}:0_{second + 1}:0)", "get_urls": urls}
