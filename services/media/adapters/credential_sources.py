"""The sources of credentials for object storage: files, or the chain of providers of AWS's SDK."""

import logging
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

import botocore.session
import msgspec
from botocore.exceptions import BotoCoreError
from msgspec import Meta

from services.media.domain.credentials import Credentials
from services.shared.errors import Unavailable

_MAX_BYTES: Final = 64 * 1024
_Secret = Annotated[str, Meta(min_length=1)]


class KeyFiles:
    """Files of which each holds one part of the credentials."""

    look_seconds: Final = 2.0

    def __init__(self, access_key: Path, secret_key: Path, session_token: Path | None = None) -> None:
        self._access_key = access_key
        self._secret_key = secret_key
        self._session_token = session_token

    def look(self) -> Credentials:
        """The credentials in the files. Unavailable."""
        return Credentials(
            access_key=_line(self._access_key),
            secret_key=_line(self._secret_key),
            session_token=_line(self._session_token) if self._session_token else "",
        )


class _Document(msgspec.Struct, rename="pascal", kw_only=True):
    """The output of a credential process (AWS SDKs and Tools, Process credential provider)."""

    version: Literal[1]
    access_key_id: _Secret
    secret_access_key: _Secret
    session_token: str = ""
    expiration: Annotated[datetime, Meta(tz=True)] | None = None


class CredentialsFile:
    """One file with all parts of the credentials as JSON, in the form of AWS's credential processes."""

    look_seconds: Final = 2.0

    def __init__(self, path: Path) -> None:
        self._path = path

    def look(self) -> Credentials:
        """The credentials in the file, with the time at which they expire. Unavailable."""
        try:
            found = msgspec.json.decode(_content(self._path), type=_Document)
        except msgspec.MsgspecError as error:
            raise Unavailable(f"cannot use {self._path}: {error}") from None
        return Credentials(
            found.access_key_id, found.secret_access_key, found.session_token, found.expiration
        )


class SdkChain:
    """The credentials that AWS's SDK finds: in the environment, a profile, or as a role of the machine.

    Those of a role expire. The SDK gets new ones a quarter of an hour before.
    """

    # The SDK asks for new ones in each look once they are about to expire, and most live for an hour.
    look_seconds: Final = 20.0

    def __init__(self) -> None:
        # Each failed attempt would be a traceback. A failure that matters is raised, and logged once.
        logging.getLogger("botocore.credentials").setLevel(logging.CRITICAL)
        try:
            found = botocore.session.Session().get_credentials()
        except BotoCoreError as error:
            raise Unavailable(f"AWS's SDK cannot get credentials: {error}") from None
        if found is None:
            raise Unavailable("no files with credentials are named, and AWS's SDK finds none")
        self._found = found

    def look(self) -> Credentials:
        """The credentials, new ones if the others are about to expire. Unavailable."""
        try:
            self._found.get_frozen_credentials()
            earlier, frozen, later = self._expires(), self._found.get_frozen_credentials(), self._expires()
        except Exception as error:  # noqa: BLE001 - providers raise errors of any kind
            raise Unavailable(f"AWS's SDK cannot get new credentials: {error}") from None
        # The pair can be exchanged between the three looks; then the earlier time is right, or safe.
        expires = min(earlier, later) if earlier and later else None
        return Credentials(frozen.access_key or "", frozen.secret_key or "", frozen.token or "", expires)

    def _expires(self) -> datetime | None:
        # The SDK has no other way to learn it.
        return getattr(self._found, "_expiry_time", None)


def _line(path: Path) -> str:
    try:
        text = _content(path).decode("ascii").strip()
    except UnicodeDecodeError:
        # The text of the error would quote the key.
        raise Unavailable("a key file contains text that is not ASCII") from None
    if not text:
        raise Unavailable(f"{path} is empty")
    return text


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {error.strerror}") from None
    if len(content) > _MAX_BYTES:
        raise Unavailable(f"{path} has more than {_MAX_BYTES} bytes")
    return content
