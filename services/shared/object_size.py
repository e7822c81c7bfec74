"""The limit of object sizes, which media and metadata share."""

from typing import Final

# 128 TiB, more than any object storage accepts.
MAX_OBJECT_BYTES: Final = 2**47
