import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.local import data_dir
from client.local.data_dir import DataDir
from client.local.errors import CannotRun
from client.local.storage import stored_objects


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DataDir]:
    with data_dir.opened(tmp_path / "data") as store:
        (store.objects / "vol_dir.uuid").write_text("4a23bb0c")
        for name in ("00", "07"):
            folder = store.objects / "filerldb2" / name
            folder.mkdir(parents=True)
            (folder / "CURRENT").write_text("MANIFEST-000000")
        yield store


def test_unchanged_objects_are_accepted(store: DataDir) -> None:
    stored_objects.check(store)
    stored_objects.remember(store)
    stored_objects.check(store)
    assert store.stored_objects.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("missing", ["", "vol_dir.uuid", "filerldb2", "filerldb2/07", "filerldb2/07/CURRENT"])
def test_missing_objects_are_an_error_with_a_remedy(store: DataDir, missing: str) -> None:
    stored_objects.remember(store)
    path = store.objects / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()

    with pytest.raises(CannotRun, match="objects of this store are missing") as caught:
        stored_objects.check(store)

    assert str(store.stored_objects) in str(caught.value)
    store.stored_objects.unlink()
    stored_objects.check(store)


def test_the_objects_of_another_store_are_noticed(store: DataDir) -> None:
    stored_objects.remember(store)
    (store.objects / "vol_dir.uuid").write_text("another")
    with pytest.raises(CannotRun, match="another store"):
        stored_objects.check(store)


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense"])
def test_a_malformed_note_is_written_again(store: DataDir, text: str) -> None:
    store.stored_objects.write_text(text)
    stored_objects.check(store)
    stored_objects.remember(store)
    assert "4a23bb0c" in store.stored_objects.read_text()


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_store_does_not_change_its_storage(store: DataDir, elsewhere: bool) -> None:
    stored_objects.remember(store, elsewhere=elsewhere)
    stored_objects.check(store, elsewhere=elsewhere)
    with pytest.raises(CannotRun, match="set TAMS_MEDIA_STORAGE_CONFIG, or remove"):
        stored_objects.check(store, elsewhere=not elsewhere)
    store.stored_objects.unlink()
    stored_objects.check(store, elsewhere=not elsewhere)
