"""The rules by which files are uploaded, and the sizes of their parts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MIB: Final = 1024**2
# The limits of S3.
MIN_PART_BYTES: Final = 5 * MIB
MAX_PART_BYTES: Final = 5 * 1024 * MIB
MAX_PARTS: Final = 10_000

# The bytes of a file that were sent, and its size. The first falls where a request is repeated.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadRules:
    """The rules of the upload of a file; sizes are in bytes.

    A file of at least `threshold` is sent in parts of `part_bytes`, or of more if there were over 10,000.
    `parallel` parts are sent at once. With `resume`, the newest open upload of the object is continued: parts
    that storage has with the content of the file are not sent again. An upload that ends early stays open for
    that until it expires, unless it is cancelled and `abort_if_cancelled` is set.
    ValueError for parts below 5 MiB or above 5 GiB, or without anything in parallel.
    """

    threshold: int = 64 * MIB
    part_bytes: int = 16 * MIB
    parallel: int = 4
    resume: bool = True
    abort_if_cancelled: bool = False

    def __post_init__(self) -> None:
        if not MIN_PART_BYTES <= self.part_bytes <= MAX_PART_BYTES:
            raise ValueError(f"parts have {MIN_PART_BYTES} to {MAX_PART_BYTES} bytes, not {self.part_bytes}")
        if self.parallel < 1:
            raise ValueError("at least one part is sent at a time")

    def part_size(self, size: int) -> int:
        """The bytes of every part but the last of a file of `size` bytes. ValueError if it is too large."""
        least = -(-size // MAX_PARTS)
        whole = max(self.part_bytes, -(-least // MIB) * MIB)
        if whole > MAX_PART_BYTES:
            raise ValueError(f"{size} bytes do not fit into {MAX_PARTS} parts of {MAX_PART_BYTES} bytes")
        return whole


class Meter:
    """Adds up the bytes of all parts that were sent."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total = total
        self._progress = progress
        self._by_part: dict[int, int] = {}
        self._sum = 0

    def sent(self, part: int) -> Callable[[int], None]:
        """A function that takes the bytes of a part that were sent, counted from its beginning."""

        def count(done: int) -> None:
            self._sum += done - self._by_part.get(part, 0)
            self._by_part[part] = done
            self._progress(self._sum, self._total)

        return count
