"""The files with the certificate of a process, its key, and the authorities that it trusts."""

import logging
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from services.shared.errors import StartupError
from services.shared.watched_files import WatchedFiles

# Files are looked at this often by those who do not look at each connection.
LOOK_SECONDS: Final = 2.0
_MAX_BYTES: Final = 1024 * 1024
_log = logging.getLogger(__name__)


class Certificates(NamedTuple):
    """A certificate with those between it and its authority, its key, and trusted authorities, all as PEM."""

    chain: bytes
    key: bytes
    authorities: bytes = b""


class CertificateFiles:
    """Files that may be renewed while the process runs. `current` is what they contained when it was usable.

    Any thread may use it.
    """

    def __init__(self, files: Mapping[str, str]) -> None:
        """`files` are the paths by the names of their settings: certificate, key, and authorities if any.

        StartupError if they cannot be used.
        """
        self._files = dict(files)
        self._watched = WatchedFiles(self._files.values())
        self._lock = threading.Lock()
        try:
            self.current = self._read()
        except ValueError as error:
            raise StartupError(str(error)) from None
        self._warn_of_dates()

    def renew(self) -> bool:
        """Read the files again if they have changed. True if `current` is another one now.

        Files that cannot be used are logged, and `current` stays.
        """
        with self._lock:
            if not self._watched.have_changed():
                return False
            try:
                found = self._read()
            except ValueError as error:
                _log.warning("the new certificate cannot be used; the old one stays: %s", error)
                return False
            if found == self.current:
                return False
            self.current = found
        _log.info("the certificate was renewed", extra={"files": list(self._files.values())})
        self._warn_of_dates()
        return True

    def _read(self) -> Certificates:
        """ValueError with the name of a setting and the reason."""
        # The library takes memory that processes without certificates do not need.
        from services.shared.tls.checking import check_certificates, check_pair  # noqa: PLC0415

        found = Certificates(*(_content(name, path) for name, path in self._files.items()))
        certificate, key, *authorities = self._files
        try:
            check_pair(found.chain, found.key)
        except ValueError as error:
            raise ValueError(f"cannot use {certificate} with {key}: {error}") from None
        for name in authorities:
            try:
                check_certificates(found.authorities)
            except ValueError as error:
                raise ValueError(f"cannot use {name}: {error}") from None
        return found

    def _warn_of_dates(self) -> None:
        from services.shared.tls.checking import fault_of_dates  # noqa: PLC0415

        if fault := fault_of_dates(self.current.chain, datetime.now(UTC)):
            _log.warning("clients will refuse the certificate: %s", fault)


def open_certificates(files: Mapping[str, str]) -> CertificateFiles | None:
    """The files with these paths by the names of their settings; None if no setting is set.

    StartupError if only some of them are set, or the files cannot be used.
    """
    unset = [name for name, path in files.items() if not path]
    if len(unset) == len(files):
        return None
    if unset:
        raise StartupError(f"{', '.join(files)} belong together; {unset[0]} is not set")
    return CertificateFiles(files)


def _content(name: str, path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{name}: cannot read {path}: {error.strerror}") from None
    if len(content) > _MAX_BYTES:
        raise ValueError(f"{name}: cannot use {path}: it has more than {_MAX_BYTES} bytes")
    return content
