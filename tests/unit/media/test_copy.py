import pytest

from services.media.domain.copy import MAX_PARTS, PART_BYTES, StoredBytes, copy_path, part_bytes
from services.shared.errors import FailedPrecondition
from tests.support.storage.backends import OTHER_BACKEND_ID, a_backend

MD5, OTHER_MD5 = "0" * 32, "f" * 32
SOURCE = a_backend(prefix="from/")
TARGET = a_backend(id=OTHER_BACKEND_ID, bucket="other", prefix="to/here/")


def stored(etag: str, size: int = 5, *, is_md5: bool = True) -> StoredBytes:
    return StoredBytes(size, f'"{etag}"', "video/mp2t", is_md5)


def test_a_copy_has_the_key_of_its_object_below_another_prefix() -> None:
    assert copy_path("from/2026/01/02/o", SOURCE, TARGET) == "to/here/2026/01/02/o"
    # The prefix of the source may have been another one when the object was allocated.
    assert copy_path("elsewhere/o", SOURCE, TARGET) == "to/here/elsewhere/o"
    assert copy_path("from/o", None, TARGET) == "to/here/from/o"
    with pytest.raises(FailedPrecondition):
        copy_path("from/o", SOURCE, a_backend(id=OTHER_BACKEND_ID, prefix="from/"))
    with pytest.raises(FailedPrecondition):
        copy_path("from/" + "x" * 1019, SOURCE, TARGET)


def test_bytes_are_the_same_by_size_and_by_md5_where_both_are_known() -> None:
    assert stored(MD5).is_same_as(stored(MD5))
    assert not stored(MD5).is_same_as(stored(OTHER_MD5))
    assert not stored(MD5).is_same_as(stored(MD5, 6))
    # ETags of objects made of parts, and of objects under keys of a key management service, are no MD5.
    assert stored(MD5).is_same_as(stored(f"{OTHER_MD5}-2"))
    assert stored(MD5).is_same_as(stored(OTHER_MD5, is_md5=False))


def test_parts_are_small_unless_there_would_be_too_many() -> None:
    assert part_bytes(1) == part_bytes(PART_BYTES * MAX_PARTS) == PART_BYTES
    size = 3 * PART_BYTES * MAX_PARTS + 1
    assert part_bytes(size) * (MAX_PARTS - 1) < size <= part_bytes(size) * MAX_PARTS
    with pytest.raises(FailedPrecondition):
        part_bytes(64 * 1024**2 * MAX_PARTS + 1)
