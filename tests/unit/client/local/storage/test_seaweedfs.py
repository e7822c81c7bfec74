import pytest

from client.local.storage.seaweedfs import is_disk_failure

JOURNAL = "insert entry /buckets/tams/2026/o: persisting /buckets/tams/2026/o : write {}/02/000001.log: {}"


@pytest.mark.parametrize("reason", ["no space left on device", "disk quota exceeded"])
def test_a_journal_that_cannot_be_written_is_a_disk_failure(reason: str) -> None:
    assert is_disk_failure(JOURNAL.format("/data/objects/filerldb2", reason))


@pytest.mark.parametrize(
    "line",
    [
        "failed to write to local disk: write /data/objects/tams_1.dat: no space left on device",
        JOURNAL.format("/data/objects/filerldb2", "input/output error"),
        "",
    ],
)
def test_other_lines_are_not_disk_failures(line: str) -> None:
    assert not is_disk_failure(line)
