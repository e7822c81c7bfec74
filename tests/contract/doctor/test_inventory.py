"""The comparison of all objects, with a real database, real object storage, and processes of the services."""

import sqlite3
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from client.doctor.inventory import Difference, Inventory, comparing
from client.local.errors import CannotRun
from services.metadata.adapters.sqlite.store import open_store
from tests.support.storage.seaweedfs import SeaweedFS, write_storage_config

HOUR_MS = 3600 * 1000
OUTER, INNER, UNKNOWN = (str(uuid.UUID(int=number, version=4)) for number in (1, 2, 3))


@pytest.fixture(autouse=True)
def _later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge objects as if they had been stored an hour ago."""
    monkeypatch.setattr(comparing, "_SKEW_MS", -HOUR_MS)


@dataclass
class World:
    """A database, a bucket, and the settings that name them. Two backends share the bucket."""

    seaweedfs: SeaweedFS
    folder: Path
    bucket: str = field(default_factory=lambda: f"b{uuid.uuid4().hex}")

    def __post_init__(self) -> None:
        self.database = self.folder / "tables.db"
        outer = self.seaweedfs.backend(self.bucket, id=OUTER, label="outer", prefix="media/")
        inner = self.seaweedfs.backend(
            self.bucket, id=INNER, label="inner", prefix="media/inner/", default_storage=False
        )
        config = write_storage_config(self.folder / "storage.json", outer, inner)
        self.env: Mapping[str, str] = {
            "TAMS_STORE_URL": f"sqlite:///{self.database}",
            "TAMS_MEDIA_STORAGE_CONFIG": str(config),
        }
        self.s3 = boto3.client(
            "s3",
            endpoint_url=self.seaweedfs.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id=self.seaweedfs.access_key,
            aws_secret_access_key=self.seaweedfs.secret_key,
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )
        self.s3.create_bucket(Bucket=self.bucket)

    def store(self, *keys: str) -> None:
        for key in keys:
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"media")

    def row(self, object_id: str, key: str, storage_id: str = OUTER, state: str = "registered") -> None:
        self.change(
            "INSERT INTO objects (id, storage, storage_path, state, created_ms, changed_ms)"
            " VALUES (?, (SELECT row FROM storages WHERE id = ?), ?, ?, 0, 0)",
            (object_id, storage_id, key, state),
        )

    def change(self, statement: str, values: tuple[str, ...]) -> None:
        with closing(sqlite3.connect(self.database)) as connection, connection:
            connection.execute(statement, values)

    def compare(self, inventory: Inventory | None = None) -> Iterator[Difference]:
        return comparing.compare(self.env, inventory or Inventory())


@pytest.fixture
async def world(seaweedfs: SeaweedFS, tmp_path: Path) -> World:
    async with open_store(tmp_path / "tables.db", "NORMAL", 10):
        pass
    world = World(seaweedfs, tmp_path)
    for storage_id in (OUTER, INNER, UNKNOWN):
        world.change("INSERT INTO storages (id) VALUES (?)", (storage_id,))
    return world


def test_both_sides_are_compared(world: World) -> None:
    world.store("media/both", "media/inner/both", "media/left", "elsewhere/foreign")
    world.row("both", "media/both")
    world.row("inner", "media/inner/both", INNER)
    world.row("lost", "media/lost")
    world.row("never uploaded", "media/never", state="allocated")
    world.row("outside", "elsewhere/outside")
    world.row("unknown", "media/unknown", UNKNOWN)
    inventory = Inventory()
    bucket = f"{world.seaweedfs.endpoint_url}/{world.bucket}"
    assert list(world.compare(inventory)) == [
        Difference("left_over", bucket, "media/left", size=5),
        Difference("lost", bucket, "media/lost", "lost"),
    ]
    assert inventory == Inventory(
        rows=4, stored=3, lost=1, left_over=1, left_over_bytes=5, recent=0, unlisted=2
    )


def test_what_was_stored_lately_is_not_judged(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "_SKEW_MS", HOUR_MS)
    world.store("media/new")
    inventory = Inventory()
    assert list(world.compare(inventory)) == []
    assert (inventory.left_over, inventory.recent) == (0, 1)


def delete(world: World) -> None:
    world.change("DELETE FROM objects WHERE id = ?", ("lost",))


def release(world: World) -> None:
    world.change("UPDATE objects SET state = 'unreferenced' WHERE id = ?", ("lost",))


@pytest.mark.parametrize("change", [delete, release])
def test_an_object_that_is_deleted_meanwhile_is_not_lost(
    world: World, change: Callable[[World], None]
) -> None:
    world.store("media/left")
    world.row("lost", "media/lost")
    world.row("really lost", "media/really")
    differences = world.compare()
    assert next(differences).kind == "left_over"
    change(world)
    assert [found.object_id for found in differences] == ["really lost"]


def test_many_pages_are_compared_in_any_order(world: World) -> None:
    # Storage that keeps folders lists these in another order than that of their bytes.
    keys = [f"media/{number % 7}{'/' if number % 2 else '-'}{number}" for number in range(1100)]
    world.store(*keys)
    rows = [(key, key) for key in keys[1:]]
    with closing(sqlite3.connect(world.database)) as connection, connection:
        connection.executemany(
            "INSERT INTO objects (id, storage, storage_path, state, created_ms, changed_ms)"
            " VALUES (?, (SELECT min(row) FROM storages), ?, 'registered', 0, 0)",
            rows,
        )
    assert [(found.kind, found.key) for found in world.compare()] == [("left_over", keys[0])]


@pytest.mark.parametrize("setting", ["TAMS_STORE_URL", "TAMS_MEDIA_STORAGE_CONFIG"])
def test_a_side_that_cannot_be_read_is_an_error(world: World, setting: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    value = f"sqlite:///{missing}" if setting == "TAMS_STORE_URL" else str(missing)
    with pytest.raises(CannotRun, match=r"cannot read|unable to open"):
        list(comparing.compare({**world.env, setting: value}, Inventory()))


def test_a_bucket_that_is_missing_is_an_error_instead_of_lost_objects(world: World) -> None:
    world.row("one", "media/one")
    world.s3.delete_bucket(Bucket=world.bucket)
    with pytest.raises(CannotRun, match=r"NoSuchBucket|does not exist"):
        list(world.compare())
