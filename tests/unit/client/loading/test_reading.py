import gzip
import json
from pathlib import Path

import pytest

from client.loading.reading import BadInput, rows_of

ROWS = [{"id": "a"}, {"id": "b", "tags": {"x": "[1]"}}]
LINES = b"\n".join(json.dumps(row).encode() for row in ROWS)


@pytest.mark.parametrize(
    "content",
    [LINES, LINES + b"\n", b"\r\n" + LINES.replace(b"\n", b"\r\n\r\n"), json.dumps(ROWS, indent=1).encode()],
    ids=["lines", "ended", "blank lines", "list"],
)
@pytest.mark.parametrize("suffix", [".json", ".gz"])
def test_rows_are_read_from_lines_and_lists(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(gzip.compress(content) if suffix == ".gz" else content)
    assert [json.loads(row) for row in rows_of(path)] == ROWS


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "rows").touch()
    assert list(rows_of(tmp_path / "rows")) == []


@pytest.mark.parametrize(("name", "content"), [("a.json", b"[1,"), ("a.gz", b"x"), ("cut.gz", None)])
def test_malformed_input_is_an_error_with_the_name_of_its_file(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(LINES * 100)[:-12] if content is None else content)
    with pytest.raises(BadInput, match=name):
        list(rows_of(path))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        list(rows_of(tmp_path / "none"))
