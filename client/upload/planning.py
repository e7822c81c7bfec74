"""Plans the upload of a file: its flow, and the place of its segment.

The ids derive from the content of the file. So a file that is stored already is found again whatever its
name, and an interrupted upload continues with the same flow.
"""

import errno
import mimetypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import UUID, uuid5

from mediatimestamp import TimeRange, Timestamp

from client.api.flow_values import FORMATS, INGESTING, STATUS
from client.api.models import Document
from client.essence.errors import EssenceError
from client.essence.fingerprint import fingerprint
from client.essence.interval import Interval
from client.essence.probing import Probed, probe
from client.essence.timing import NS, nearest
from client.upload.labels import Labels

_NAMESPACE: Final = UUID("0e8c5b62-6a0f-5d0c-8f0e-3d1c1f5f4b7a")
# Tags of the flows.
FILE_NAME: Final = "file_name"
DIGEST: Final = "file_digest"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The upload of one file; `document` is its flow while the upload runs.

    `size` is in bytes, `modified_ns` is the time of the last change of the file. `source_label` is the label
    of its source.
    """

    path: Path
    size: int
    modified_ns: int
    probed: Probed
    document: Document
    source_label: str

    @property
    def flow_id(self) -> str:
        """The id of the flow."""
        return str(self.document["id"])

    @property
    def digest(self) -> str:
        """The hash of the content."""
        return str(self.document["tags"][DIGEST])

    @property
    def timerange(self) -> TimeRange:
        """The range of the segment, from 0; of one instant for a file without a timeline."""
        return Interval(0, self.probed.duration or 1).timerange()

    @property
    def ts_offset(self) -> Timestamp | None:
        """The difference from the times in the file to the timeline; None if there is no difference."""
        return Timestamp.from_nanosec(-self.probed.start) if self.probed.start else None

    def check_unchanged(self) -> None:
        """OSError if the file was written to since it was planned."""
        now = self.path.stat()
        if (now.st_size, now.st_mtime_ns) != (self.size, self.modified_ns):
            raise OSError(errno.EIO, "the file changed while it was read", str(self.path))


def plan(
    path: Path, labels: Labels, *, any_file: bool, progress: Callable[[int, int], None] = lambda _d, _t: None
) -> Plan:
    """The plan for a file, which is read once; `progress` gets the bytes read and their total.

    EssenceError for a file that is not recognised as media, unless `any_file` takes it as data. OSError.
    """
    found, probed = path.stat(), _probed(path, any_file=any_file)
    digest = fingerprint(path, progress)
    return Plan(
        path=path,
        size=found.st_size,
        modified_ns=found.st_mtime_ns,
        probed=probed,
        document=_document(path, labels, probed, digest, found.st_size),
        source_label=labels.source or labels.of(path),
    )


def _probed(path: Path, *, any_file: bool) -> Probed:
    try:
        return probe(path)
    except EssenceError:
        if not any_file:
            raise
        guessed = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Probed(kind="data", container=guessed, codec=guessed, parameters={})


def _document(path: Path, labels: Labels, probed: Probed, digest: str, size: int) -> Document:
    document: Document = {
        "id": _derived(f"flow/{digest}"),
        "source_id": _derived(
            f"source/{labels.source}/{probed.kind}" if labels.source else f"source/{digest}"
        ),
        "format": FORMATS[probed.kind],
        "label": labels.of(path),
        "tags": {**labels.tags, FILE_NAME: path.name, DIGEST: digest, STATUS: INGESTING},
        "container": probed.container,
    }
    if probed.codec is not None:
        document |= {"codec": probed.codec, "essence_parameters": probed.parameters}
    if probed.duration:
        document["avg_bit_rate"] = nearest(size * 8 * NS, probed.duration * 1000)
    return document


def _derived(name: str) -> str:
    return str(uuid5(_NAMESPACE, name))
