"""Playlists of a whole store, played by a real player: FFmpeg's, through PyAV."""

import asyncio
import hashlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import httpx
import pytest

from client.api import TamsClient
from client.essence.sample_clip.clip import Clip, write_clip
from client.ingest import Ingested, ingest
from tests.support.client.essence import sounds
from tests.support.playback.fragmented import fragmented_objects
from tests.support.playback.web_player import needed, running_web_player
from tests.support.processes.system import System, running_system
from tests.support.services.gateway import new_id

pytestmark = pytest.mark.slow

NS = 10**9
SECONDS = 6
# A player that begins to show pictures before it has read all that there is.
EAGER = {"analyzeduration": "500000", "probesize": "32768"}


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with running_system(tmp_path_factory.mktemp("system") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_clip(path, Clip(Fraction(SECONDS), 320, 180))
    return path


@pytest.fixture(scope="module")
def ingested(system: System, clip: Path) -> Ingested:
    async def run() -> Ingested:
        async with TamsClient(system.url) as store:
            return await ingest(store, clip, segment_duration=NS)

    return asyncio.run(run())


@pytest.fixture(scope="module")
def fragmented(system: System, clip: Path, ingested: Ingested) -> dict[str, str]:
    """The ids of flows of the clip in fragmented MP4: `video`, `audio`, and `multi`, which collects both."""
    with httpx.Client(base_url=system.url, trust_env=False) as api:
        flows = {
            flow["format"].rpartition(":")[2]: flow
            for flow in (api.get(f"/flows/{each.flow_id}").json() for each in ingested.flows)
        }
        kinds: tuple[Literal["video", "audio"], ...] = ("video", "audio")
        ids = {kind: _store_fragmented(api, clip, kind, flows[kind]) for kind in kinds}
        multi: dict[str, Any] = {"id": new_id(), "source_id": new_id(), "format": "urn:x-nmos:format:multi"}
        multi["flow_collection"] = [{"id": flow_id, "role": kind} for kind, flow_id in ids.items()]
        api.put(f"/flows/{multi['id']}", json=multi).raise_for_status()
    return ids | {"multi": multi["id"]}


def _store_fragmented(
    api: httpx.Client, clip: Path, kind: Literal["video", "audio"], like: dict[str, Any]
) -> str:
    """Store the pictures or the sound of the clip as a flow with the parameters of another; its id."""
    flow = like | {"id": new_id(), "source_id": new_id(), "container": "video/mp4"}
    flow["tags"] = {"flow_status": "closed_complete"}
    api.put(f"/flows/{flow['id']}", json=flow).raise_for_status()
    objects = fragmented_objects(clip, kind)
    storage = api.post(f"/flows/{flow['id']}/storage", json={"limit": len(objects)}).json()
    segments = []
    for place, each in zip(storage["media_objects"], objects, strict=True):
        put = place["put_url"]
        headers = {"content-type": put["content-type"], **put.get("headers", {})}
        httpx.put(put["url"], content=each.content, headers=headers, trust_env=False).raise_for_status()
        timerange = f"[{each.start // NS}:{each.start % NS}_{each.end // NS}:{each.end % NS})"
        segments.append({"object_id": place["object_id"], "timerange": timerange})
    api.post(f"/flows/{flow['id']}/segments", json=segments).raise_for_status()
    return str(flow["id"])


def shown(media: str) -> list[str]:
    """The hashes of all pictures that a player shows of a file or of a playlist."""
    with av.open(media) as container:
        frames = [frame.to_ndarray() for frame in container.decode(video=0)]
    return [hashlib.sha256(frame.tobytes()).hexdigest() for frame in frames]


def heard(media: str) -> int:
    """The number of samples that a player plays of a file or of a playlist."""
    with av.open(media) as container:
        return sum(frame.samples for frame in container.decode(audio=0))


def test_a_player_shows_the_pictures_that_were_stored(system: System, clip: Path, ingested: Ingested) -> None:
    stored = shown(str(clip))
    playlist = f"{system.url}/x/flows/{ingested.flows[0].flow_id}/playlist.m3u8"
    assert shown(playlist) == stored
    assert shown(f"{playlist}?timerange=[3:0_6:0)") == stored[len(stored) // 2 :]


def test_a_player_finds_pictures_and_sound_of_a_recording(
    system: System, clip: Path, ingested: Ingested
) -> None:
    url = f"{system.url}/x/flows/{ingested.flow_id}/multivariant.m3u8"
    assert shown(url) == shown(str(clip))
    with av.open(url) as container:
        played = sum(frame.samples for frame in container.decode(audio=0))
    assert played >= sum(sound.end - sound.first for sound in sounds(clip))


def test_a_player_follows_a_recording_that_loses_its_beginning(
    system: System, clip: Path, ingested: Ingested
) -> None:
    """Each second that is shown lets the recording grow by one segment, and lose its first."""
    with httpx.Client(base_url=system.url, trust_env=False) as api:
        recorded = Recorder(api, ingested.flows[0].flow_id)
        recorded.grow(3)
        pictures = []
        url = f"{system.url}/x/flows/{recorded.flow_id}/multivariant.m3u8?type=live"
        with av.open(url, options=EAGER) as container:
            for number, frame in enumerate(container.decode(video=0), start=1):
                pictures.append(hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest())
                if number % 25 == 0:
                    recorded.grow(1)
                    recorded.forget_first()
    assert pictures == shown(str(clip))


def test_a_player_shows_the_pictures_and_sound_of_fragmented_mp4(
    system: System, clip: Path, fragmented: dict[str, str]
) -> None:
    stored = shown(str(clip))
    playlist = f"{system.url}/x/flows/{fragmented['video']}/playlist.m3u8"
    assert shown(playlist) == stored
    assert shown(f"{playlist}?timerange=[3:0_6:0)") == stored[len(stored) // 2 :]
    assert shown(f"{system.url}/x/flows/{fragmented['multi']}/multivariant.m3u8") == stored
    assert heard(f"{system.url}/x/flows/{fragmented['audio']}/playlist.m3u8") == heard(str(clip))
    multivariant = f"{system.url}/x/flows/{fragmented['multi']}/multivariant.m3u8"
    assert heard(multivariant) == heard(str(clip))


@needed
@pytest.mark.parametrize("query", ["", "?type=live"])
def test_a_web_page_plays_fragmented_mp4(
    system: System, fragmented: dict[str, str], tmp_path: Path, query: str
) -> None:
    with running_web_player(tmp_path) as player:
        player.open(f"{system.url}/x/flows/{fragmented['multi']}/multivariant.m3u8{query}")
        played = player.at_the_end()
    assert played["errors"] == []
    assert played["pictures"] >= 25 * SECONDS


@needed
def test_a_web_page_plays_a_recording(system: System, ingested: Ingested, tmp_path: Path) -> None:
    with running_web_player(tmp_path) as player:
        player.open(f"{system.url}/x/flows/{ingested.flow_id}/multivariant.m3u8")
        played = player.at_the_end()
    assert played["errors"] == []
    assert played["pictures"] >= 25 * SECONDS


@needed
def test_a_web_page_follows_a_recording(system: System, ingested: Ingested, tmp_path: Path) -> None:
    with (
        httpx.Client(base_url=system.url, trust_env=False) as api,
        running_web_player(tmp_path) as player,
    ):
        recorded = Recorder(api, ingested.flows[0].flow_id)
        recorded.grow(3)
        player.open(f"{system.url}/x/flows/{recorded.flow_id}/multivariant.m3u8?type=live")
        for shown_seconds in range(1, SECONDS - 1):
            player.at_least(shown_seconds)
            recorded.grow(1)
            recorded.forget_first()
        assert player.at_the_end()["errors"] == []


class Recorder:
    """Registers the segments of another flow in one of its own, a few at a time, and closes it at the end."""

    def __init__(self, api: httpx.Client, flow_id: str) -> None:
        self._api = api
        self._left = api.get(f"/flows/{flow_id}/segments").json()
        self._stored: list[str] = []
        self._flow = api.get(f"/flows/{flow_id}").json() | {"id": new_id(), "source_id": new_id()}
        self.flow_id = self._flow["id"]
        self._put({"flow_status": "ingesting"})

    def grow(self, count: int) -> None:
        """Register the next `count` segments; close the flow if none is left."""
        segments, self._left = self._left[:count], self._left[count:]
        if not segments:
            return
        for segment in segments:
            del segment["get_urls"]
        self._api.post(f"/flows/{self.flow_id}/segments", json=segments).raise_for_status()
        self._stored += [segment["timerange"] for segment in segments]
        if not self._left:
            self._put({"flow_status": "closed_complete"})

    def forget_first(self) -> None:
        """Delete the first segment, unless it is in the window of a player."""
        if len(self._stored) > 3:
            first = self._stored.pop(0)
            self._api.delete(
                f"/flows/{self.flow_id}/segments", params={"timerange": first}
            ).raise_for_status()

    def _put(self, tags: dict[str, str]) -> None:
        self._api.put(f"/flows/{self.flow_id}", json=self._flow | {"tags": tags}).raise_for_status()
