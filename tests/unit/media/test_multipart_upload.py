import pytest

from services.media.domain.multipart_upload import (
    UploadedPart,
    check_numbers,
    check_parts,
    check_upload_id,
)
from services.shared.errors import InvalidArgument


@pytest.mark.parametrize("upload_id", ["", "a b", "a?b", "é", "x" * 1025, "a\n"])
def test_an_upload_id_that_storage_cannot_have_issued_is_refused(upload_id: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        check_upload_id(upload_id)
    assert raised.value.reason == "BAD_UPLOAD"


@pytest.mark.parametrize(
    ("numbers", "path"),
    [
        ([], "$.part_numbers"),
        ([1, 0], "$.part_numbers[1]"),
        ([10_001], "$.part_numbers[0]"),
        ([2, 1, 2], "$.part_numbers"),
    ],
)
def test_bad_or_repeated_part_numbers_are_refused(numbers: list[int], path: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        check_numbers(numbers)
    assert (raised.value.reason, raised.value.metadata["path"]) == ("BAD_UPLOAD", path)


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ([(2, "a"), (1, "b")], "$.parts[1].part_number"),
        ([(1, "a"), (1, "b")], "$.parts[1].part_number"),
        ([(10_001, "a")], "$.parts[0].part_number"),
        ([(1, "")], "$.parts[0].etag"),
        ([(1, 'a"b')], "$.parts[0].etag"),
        ([(1, "a\nb")], "$.parts[0].etag"),
        ([(1, "x" * 257)], "$.parts[0].etag"),
    ],
)
def test_unordered_parts_and_bad_etags_are_refused(parts: list[tuple[int, str]], path: str) -> None:
    with pytest.raises(InvalidArgument) as raised:
        check_parts([UploadedPart(*part) for part in parts])
    assert (raised.value.reason, raised.value.metadata["path"]) == ("BAD_UPLOAD", path)


def test_numbers_and_parts_up_to_the_limits_are_accepted() -> None:
    check_upload_id("2f045c39d7df5db703985890938c5499484d7c88_f129cd5a104f4016990ad4e36a7a2f2b")
    check_numbers(range(9001, 10_001))
    check_parts([UploadedPart(number, '"a1"') for number in range(1, 10_001)])
    with pytest.raises(InvalidArgument, match="at most 1000"):
        check_numbers(range(1, 1002))
    with pytest.raises(InvalidArgument, match="at most 10000"):
        check_parts([UploadedPart(number, "a1") for number in range(1, 10_002)])
