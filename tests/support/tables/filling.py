"""Fills a store over HTTP, for the stores of tests/contract/metadata/sqlite/upgrades.

Run as `python -m tests.support.tables.filling URL ANSWERS`. It writes the answers to GET requests into a
file. The store needs TAMS_GATEWAY_ADMIN=true. Deletions have to stay under way: give the store
TAMS_METADATA_DELETION_BUDGET_SECONDS=0, and code in which a slice of a deletion has two segments and upkeep
pauses for an hour. When it has stopped, `tests.support.tables.dumps.dump` gives its database as text.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

import httpx

VIDEO, AUDIO, MULTI, LONG, DOOMED, SHORT, TRASHED, LOADED = (
    f"00000000-0000-4000-8000-{number:012}" for number in range(1, 9)
)
LOAD: Final = "00000000-0000-4000-8000-0000000000aa"
_VIDEO: Final = {
    "format": "urn:x-nmos:format:video", "codec": "video/h264", "container": "video/mp2t",
    "essence_parameters": {"frame_width": 1920, "frame_height": 1080},
}  # fmt: skip
_AUDIO: Final = {
    "format": "urn:x-nmos:format:audio", "codec": "audio/aac", "container": "video/mp2t",
    "essence_parameters": {"sample_rate": 48000, "channels": 2},
}  # fmt: skip
_MEMBERS: Final = [{"id": VIDEO, "role": "picture"}, {"id": AUDIO, "role": "sound"}]
FLOWS: Final[tuple[dict[str, Any], ...]] = (
    {"id": VIDEO, "label": "Video", "tags": {"genre": "news", "auth_classes": "news"}, **_VIDEO},
    {"id": AUDIO, "label": "Audio", "tags": {"genre": "sport"}, **_AUDIO},
    {"id": MULTI, "label": "Both", "format": "urn:x-nmos:format:multi", "flow_collection": _MEMBERS},
    *({"id": flow, "label": "More", **_AUDIO} for flow in (LONG, DOOMED, SHORT, TRASHED)),
)
WEBHOOKS: Final[tuple[dict[str, Any], ...]] = (
    {
        "url": "https://subscriber.example/hook", "events": ["flows/updated", "flows/segments_added"],
        "api_key_name": "X-Key", "api_key_value": "hush", "flow_ids": [VIDEO],
    },
    {"url": "https://subscriber.example/all", "events": ["flows/segments_added"], "accept_get_urls": []},
)  # fmt: skip


def source_of(flow: str) -> str:
    """The source of a flow."""
    return flow.replace("-4000-", "-5000-", 1)


def outside(name: str, timerange: str) -> dict[str, Any]:
    """A segment whose object is outside the store."""
    url = {"url": f"https://elsewhere.example/{name}", "label": "there"}
    return {"object_id": name, "timerange": timerange, "get_urls": [url]}


class Filler:
    """Fills one store. An answer that is an error ends the run."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def _do(self, method: str, path: str, body: Any = None) -> Any:
        response = self._client.request(method, path, json=body)
        response.raise_for_status()
        return response.json() if response.content else None

    def fill(self) -> None:
        """Store something in each table."""
        for flow in FLOWS:
            self._do("PUT", f"/flows/{flow['id']}", flow | {"source_id": source_of(flow["id"])})
        for webhook in WEBHOOKS:
            self._do("POST", "/service/webhooks", webhook)
        self._upload()
        self._register()
        self._change()
        self._delete()

    def _upload(self) -> None:
        names = [f"object-{number}" for number in range(4)]
        for stored in self._do("POST", f"/flows/{VIDEO}/storage", {"object_ids": names})["media_objects"]:
            headers = {"Content-Type": "video/mp2t", **stored["put_url"].get("headers", {})}
            httpx.put(stored["put_url"]["url"], content=b"m" * 100, headers=headers).raise_for_status()

    def _register(self) -> None:
        own = [
            {"object_id": f"object-{at}", "timerange": f"[{10 * at}:0_{10 * at + 10}:0)"} for at in range(3)
        ]
        self._do("POST", f"/flows/{VIDEO}/segments", own)
        others = [outside("far-0", "[-5:0_0:0)"), own[0], outside("far-1", "[30:0_40:0]")]
        self._do("POST", f"/flows/{AUDIO}/segments", others)
        for name, flow in (("short", SHORT), ("long", LONG), ("doomed", DOOMED), ("trashed", TRASHED)):
            segments = [outside(f"{name}-{at}", f"[{at}:0_{at + 1}:0)") for at in range(5)]
            self._do("POST", f"/flows/{flow}/segments", segments[: 1 if flow == SHORT else 5])

        # Their URLs are counted, and the numbers stored when media stops.
        self._do("GET", f"/flows/{VIDEO}/segments")

    def _change(self) -> None:
        self._do("POST", "/service", {"name": "The store", "description": "Made by an earlier version"})
        self._do("PUT", f"/flows/{VIDEO}/tags/mood", "calm")
        self._do("PUT", f"/sources/{source_of(VIDEO)}/label", "Source of pictures")
        self._do("PUT", f"/sources/{source_of(VIDEO)}/tags/auth_classes", "news, sport")
        self._do("POST", "/x/admin/loads", {"id": LOAD, "kind": "flows"})
        rows = [{"id": LOADED, "source_id": source_of(LOADED), "label": "Loaded", **_AUDIO}]
        self._do("POST", f"/x/admin/loads/{LOAD}/rows?first_row=0", rows)
        password = "correct horse battery"
        self._do("POST", "/x/users", {"name": "alice", "password": password, "scopes": ["read", "write"]})
        self._do("POST", "/x/api-keys", {"name": "a-key", "scopes": ["read"]})

    def _delete(self) -> None:
        for path in (
            f"/flows/{VIDEO}/segments?timerange=[20:0_30:0)",
            f"/flows/{AUDIO}/segments?timerange=[30:0_40:0]&soft_delete=true",
            f"/flows/{SHORT}",
            f"/flows/{TRASHED}?soft_delete=true&deleted_by=me",
            f"/flows/{LONG}/segments?timerange=[0:0_4:0)",
            f"/flows/{DOOMED}",
        ):
            self._do("DELETE", path)

    def answers(self) -> dict[str, Any]:
        """The answers to GET requests for all that is stored, by path."""
        paths = [
            "/service", "/service/webhooks", "/sources", "/flows?include_timerange=true", "/x/trash",
            "/x/admin/loads", f"/x/admin/loads/{LOAD}", "/x/users", "/x/api-keys", "/flow-delete-requests",
        ]  # fmt: skip
        for flow in (VIDEO, AUDIO, MULTI, LONG, LOADED):
            paths += [f"/flows/{flow}?include_timerange=true", f"/sources/{source_of(flow)}"]
            paths.append(f"/flows/{flow}/segments?presigned=false")
        paths += [f"/objects/{name}?presigned=false" for name in ("object-0", "object-1", "far-0")]
        return {path: self._do("GET", path) for path in paths}


def main(url: str, file: Path) -> None:
    """Fill the store at a URL, and write its answers."""
    with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        filler = Filler(client)
        filler.fill()
        lines = [f" {json.dumps(path)}: {json.dumps(answer)}" for path, answer in filler.answers().items()]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
