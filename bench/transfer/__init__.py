"""Uploads of one large file, each by a process of its own, so that its memory can be measured."""

import msgspec


class Transfer(msgspec.Struct, frozen=True, kw_only=True):
    """A file to upload, in parts of `part_bytes` of which `parallel` are sent at once.

    `store` is the address of the API if the project's client sends the file as the object `name`, which is
    allocated for `flow_id`; without it boto3 sends it, as `name`, to the bucket of a storage configuration.
    """

    file: str
    name: str
    part_bytes: int
    parallel: int
    store: str = ""
    flow_id: str = ""
    storage_config: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The seconds from the first request to the last answer, and the most resident memory of the process."""

    seconds: float
    peak_mb: float
