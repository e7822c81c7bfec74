"""Tables of the documentation, for tests that compare them with the code."""

import re
from collections.abc import Iterator
from pathlib import Path


def table_rows(page: Path, heading: str) -> Iterator[list[str]]:
    """The cells of each row of the tables whose first column has this heading."""
    inside = False
    for line in page.read_text("utf-8").splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if inside and set(line) - set("|-: "):
            yield cells
        inside = inside or cells[0] == heading
