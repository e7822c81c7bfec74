"""The credentials of storage backends, which may be replaced while the service runs."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Credentials:
    """An access key. Its secret parts are left out of repr, so that they do not get into logs.

    `expires` is the time, with its zone, from which on the storage refuses it; None if it is not known.
    """

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    expires: datetime | None = None

    def seconds_left(self, now: datetime) -> float:
        """Seconds until it expires; infinite if that is not known."""
        return float("inf") if self.expires is None else (self.expires - now).total_seconds()


class CredentialSource(Protocol):
    """The source of the credentials of a backend."""

    @property
    def look_seconds(self) -> float:
        """Seconds between two looks."""
        ...

    def look(self) -> Credentials:
        """The credentials that are there now. Unavailable if they cannot be read. It blocks."""
        ...


class CredentialsInUse:
    """The credentials with which a backend is used; `current` may be replaced at any time.

    Without a source they stay as they are.
    """

    def __init__(self, current: Credentials, source: CredentialSource | None = None) -> None:
        self.current = current
        self.source = source
