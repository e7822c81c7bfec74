"""Signed URLs of many objects in parts: common parts once, the others as lines of text."""

from typing import NamedTuple


class SignedUrls(NamedTuple):
    """URLs of objects in one bucket, each of which is `before` + path + `after` + signature.

    `paths` (as `url_lines` writes them) and `signatures` have one line for each object.
    """

    before: str
    after: str
    paths: bytes
    signatures: bytes

    def urls(self) -> list[str]:
        """The complete URL of each object, in order."""
        parts = zip(self.paths.decode().splitlines(), self.signatures.decode().splitlines(), strict=True)
        return [f"{self.before}{path}{self.after}{signature}" for path, signature in parts]
