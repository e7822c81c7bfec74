"""Access control of one process: its tokens, and what checks the credentials of callers."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

from google.protobuf.descriptor import ServiceDescriptor

from services.access.attempts import Attempts, Send
from services.access.authenticator import Authenticator
from services.access.ports import Accounts
from services.access.service_secrets import ServiceSecrets
from services.access.settings import AccessSettings
from services.shared.access import caller
from services.shared.access.principal import SYSTEM
from services.shared.access.service_tokens import ServiceTokens
from services.shared.access.url_tokens import UrlTokens
from services.shared.process.background import background
from services.shared.rpc.guard import Guard
from services.shared.rpc.server import Registration


class Access(NamedTuple):
    """Access control of a process that requires credentials."""

    tokens: ServiceTokens
    authenticator: Authenticator
    urls: UrlTokens
    attempts: Attempts

    def guard(self, services: Iterable[ServiceDescriptor]) -> Guard:
        """The guard of a server with these services."""
        return Guard(self.tokens, self.authenticator.principal_of_header, services, self.attempts)


def guard_of(access: Access | None, registrations: Iterable[Registration]) -> Guard | None:
    """The guard of a server with these registrations; None without access control."""
    return None if access is None else access.guard(descriptor for descriptor, _ in registrations)


@asynccontextmanager
async def open_access(
    settings: AccessSettings, accounts: Accounts, send: Send | None = None
) -> AsyncIterator[Access | None]:
    """Access control until the block ends; None if the store runs without.

    Calls that the process makes for itself carry a token of the store. Attempts of callers are reported with
    `send`, if it is given. StartupError for a bad setting.
    """
    if settings.auth == "off":
        yield None
        return
    # The library for JWTs takes 12 MB, which a store without access control does not need.
    from services.access.jwt.tokens import open_tokens  # noqa: PLC0415

    service = ServiceSecrets(settings)
    tokens, urls = ServiceTokens(service.secrets), UrlTokens(service.secrets)
    async with open_tokens(settings) as jwts:
        caller.act_for(SYSTEM, partial(tokens.make, SYSTEM))
        attempts = Attempts()
        authenticator = Authenticator(jwts, accounts, urls=urls, attempts=attempts)
        reports = () if send is None else (attempts.run(send),)
        async with background(service.follow(), *reports):
            yield Access(tokens, authenticator, urls, attempts)
