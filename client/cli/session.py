"""The connection of a command to the store: opens the client and turns its errors into exit codes."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Concatenate, Final, ParamSpec, TypeVar

import click
from mediatimestamp import TimeRange, Timestamp

from client.api import (
    ApiError,
    Busy,
    Forbidden,
    NotFound,
    RequestTrace,
    ServerFault,
    TamsClient,
    Target,
    Unreachable,
)
from client.cli import exits
from client.cli.access import Access
from client.cli.target import open_target

P = ParamSpec("P")
T = TypeVar("T")

# A user waits for the answer: enough for a short interruption, too few for a restart of a service.
ATTEMPTS: Final = 3
# Long work survives a restart of a service.
MANY_ATTEMPTS: Final = 10
_HINT: Final = "set TAMS_TOKEN, TAMS_API_KEY or TAMS_USER, or run tams login"


def with_store(
    command: Callable[Concatenate[TamsClient, P], Awaitable[T]], *, attempts: int = ATTEMPTS
) -> Callable[P, T]:
    """A plain function that runs an async command with a client of the store at --url."""

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        access: Access = click.get_current_context().obj
        target, trace = open_target(access), RequestTrace(sampled=access.trace)
        try:
            return asyncio.run(_run(command, target, attempts, trace, *args, **kwargs))
        finally:
            if access.trace:
                click.echo(f"tams: trace {trace.id}", err=True)

    run.__doc__ = command.__doc__
    run.__name__ = getattr(command, "__name__", "command")
    return run


def with_patient_store(command: Callable[Concatenate[TamsClient, P], Awaitable[T]]) -> Callable[P, T]:
    """Like `with_store`, with more attempts for long work."""
    return with_store(command, attempts=MANY_ATTEMPTS)


async def _run(
    command: Callable[Concatenate[TamsClient, P], Awaitable[T]],
    target: Target,
    attempts: int,
    trace: RequestTrace,
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    try:
        async with TamsClient(target, attempts=attempts, trace=trace) as store:
            return await command(store, *args, **kwargs)
    except Forbidden as error:
        if error.status != HTTPStatus.UNAUTHORIZED:
            raise exits.Failed(str(error)) from error
        hint = "the credentials are wrong or expired" if target.credentials else _HINT
        raise exits.Failed(f"{error}; {hint}") from error
    except NotFound as error:
        raise exits.Failed(str(error), exits.NOT_FOUND) from error
    except Unreachable as error:
        hint = "" if error.distrusted else "; is the store running?"
        raise exits.Failed(f"{error}{hint}", exits.UNREACHABLE) from error
    except (ServerFault, Busy) as error:
        known = f" (request {error.request_id})" if error.request_id else ""
        raise exits.Failed(f"{error}{known}") from error
    except ApiError as error:
        raise exits.Failed(str(error)) from error


class TimeRangeType(click.ParamType[TimeRange]):
    """A TAMS time range, such as [0:0_10:0)."""

    name = "timerange"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> TimeRange:
        """Parse the text."""
        if isinstance(value, TimeRange):
            return value
        try:
            return TimeRange.from_str(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a time range; write it like [0:0_10:0)", param, ctx)


class TimestampType(click.ParamType[Timestamp]):
    """A TAMS timestamp, such as 10:0."""

    name = "timestamp"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Timestamp:
        """Parse the text."""
        try:
            return Timestamp.from_str(str(value))
        except (TypeError, ValueError):
            self.fail(f"{value!r} is not a timestamp; write it like 10:0", param, ctx)


TIMERANGE: Final = TimeRangeType()
TIMESTAMP: Final = TimestampType()
