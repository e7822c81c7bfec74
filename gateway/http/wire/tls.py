"""Gives a certificate and its key to the HTTP server, which reads them from files."""

import os
import tempfile
from typing import Final

from services.shared.tls.files import Certificates

# The arguments of granian's workers: whether there is TLS, certificate, key, password, least version,
# authorities of clients, revocation lists, whether clients need a certificate.
SslContext = tuple[bool, str | None, str | None, str | None, str, str | None, list[str], bool]

_LEAST_VERSION: Final = "tls1.2"


class HeldPair:
    """A certificate and its key in files without a name, which nobody else can change or read.

    The files in the settings may be renewed between the check and the start of a worker; these stay.
    """

    def __init__(self, certificates: Certificates) -> None:
        self._descriptors = [_file_with(certificates.chain), _file_with(certificates.key)]

    @property
    def ssl_context(self) -> SslContext:
        """The arguments for TLS of a worker. The files must be open until it has read them."""
        chain, key = (f"/dev/fd/{descriptor}" for descriptor in self._descriptors)
        return True, chain, key, None, _LEAST_VERSION, None, [], False

    def close(self) -> None:
        """Remove the files."""
        for descriptor in self._descriptors:
            os.close(descriptor)


def _file_with(content: bytes) -> int:
    """The descriptor of a file in memory, or of a deleted file where the system has no files in memory."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
