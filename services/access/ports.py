"""The parts that check credentials of one kind each."""

from typing import NamedTuple, Protocol

from services.shared.access.principal import Principal


class Checked(NamedTuple):
    """A caller whose credentials are valid, until a time in seconds since 1970 at the latest."""

    principal: Principal
    expires_at: float


class Tokens(Protocol):
    """Checks JWTs."""

    async def check(self, token: str) -> Checked:
        """The caller that a JWT names; Unauthenticated with the reason if it is not valid."""
        ...


class Accounts(Protocol):
    """Checks users and API keys of the store."""

    async def check_password(self, user: str, password: str) -> Checked:
        """The caller with this password. Unauthenticated if one is wrong, or the user suspended."""
        ...

    async def check_key(self, key: str) -> Checked:
        """The caller with this API key. Unauthenticated if it is unknown, revoked, suspended or expired."""
        ...


class Attempt(NamedTuple):
    """`times` attempts of one kind, the first at `time_ns` nanoseconds since 1970. Unknown texts are empty.

    Without a reason they succeeded. The name is only claimed if they failed to authenticate.
    """

    time_ns: int
    action: str
    name: str = ""
    address: str = ""
    reason: str = ""
    times: int = 1
    request_id: str = ""
    resource: str = ""
