"""The secrets with which the processes of a store sign their tokens, as the settings have them."""

import asyncio
import logging
from typing import Final

from services.access.secrets import read_secret
from services.access.settings import AccessSettings
from services.shared.access.signing import MIN_SECRET_BYTES, Secrets
from services.shared.errors import StartupError
from services.shared.watched_files import WatchedFiles

NAME: Final = "TAMS_AUTH_SERVICE_SECRET"
LOOK_SECONDS: Final = 2.0
# More are not needed for a rotation, and each token that is not valid is compared with all of them.
MAX_SECRETS: Final = 8
_log = logging.getLogger(__name__)


class ServiceSecrets:
    """`secrets` are the lines of the setting or of its file: the first signs, all of them verify."""

    def __init__(self, settings: AccessSettings) -> None:
        """StartupError if they are missing or short, or the file cannot be read."""
        self._settings = settings
        self._watched = WatchedFiles(filter(None, [settings.service_secret_file]))
        self.secrets = Secrets(*_read(settings))

    async def follow(self) -> None:
        """Read the file again whenever it has changed, until cancelled.

        A file that cannot be used is logged, and the secrets stay.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._watched.have_changed():
                self._read_again()

    def _read_again(self) -> None:
        try:
            found = _read(self._settings)
        except StartupError as error:
            _log.warning("the new service secrets cannot be used; the old ones stay: %s", error)
            return
        if found != self.secrets.all:
            self.secrets.all = found
            _log.info("the service secrets have changed", extra={"secrets": len(found)})


def _read(settings: AccessSettings) -> tuple[bytes, ...]:
    """The secrets, one in each line that is not empty. StartupError."""
    text = read_secret(settings.service_secret, settings.service_secret_file, NAME)
    found = tuple(line.strip().encode() for line in text.splitlines() if line.strip())
    if not found:
        raise StartupError(f"TAMS_AUTH=required needs {NAME}, or the same with _FILE")
    if len(found) > MAX_SECRETS:
        raise StartupError(f"{NAME} has more than {MAX_SECRETS} lines")
    short = [number for number, secret in enumerate(found, 1) if len(secret) < MIN_SECRET_BYTES]
    if short:
        place = f" in line {short[0]}" if len(found) > 1 else ""
        raise StartupError(f"the secret of service tokens has fewer than {MIN_SECRET_BYTES} bytes{place}")
    return found
