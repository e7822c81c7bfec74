"""A command's connection to the store: opens the client and words its errors."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import click
from mediatimestamp import TimeRange, Timestamp

from client.api import ApiError, NotFound, TamsClient, Unreachable
from client.cli import exits

P = ParamSpec("P")
T = TypeVar("T")

# Someone waits for the answer: enough to bridge a hiccup, not a restart.
ATTEMPTS: Final = 3
# Long work outlives a restart of a service.
MANY_ATTEMPTS: Final = 10


def with_store(
    command: Callable[Concatenate[TamsClient, P], Awaitable[T]], *, attempts: int = ATTEMPTS
) -> Callable[P, T]:
    """A plain function that runs an async command with a client of the store named by --url."""

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return asyncio.run(_connected(command, click.get_current_context().obj, attempts, args, kwargs))

    run.__doc__ = command.__doc__
    run.__name__ = getattr(command, "__name__", "command")
    return run


def with_patient_store(command: Callable[Concatenate[TamsClient, P], Awaitable[T]]) -> Callable[P, T]:
    """As with_store, for work that is worth waiting for."""
    return with_store(command, attempts=MANY_ATTEMPTS)


async def _connected(
    command: Callable[..., Awaitable[T]], url: str, attempts: int, args: Any, kwargs: Any
) -> T:
    try:
        client = TamsClient(url, attempts=attempts)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    try:
        async with client as store:
            return await command(store, *args, **kwargs)
    except NotFound as error:
        raise exits.Failed(str(error), exits.NOT_FOUND) from error
    except Unreachable as error:
        raise exits.Failed(f"{error}; is the store running?", exits.UNREACHABLE) from error
    except ApiError as error:
        raise exits.Failed(str(error)) from error


class TimeRangeType(click.ParamType[TimeRange]):
    """A TAMS time range, such as [0:0_10:0)."""

    name = "timerange"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> TimeRange:
        """The range of the text."""
        if isinstance(value, TimeRange):
            return value
        try:
            return TimeRange.from_str(value)
        except ValueError:
            self.fail(f"not a time range: {value!r}; it is written like [0:0_10:0)", param, ctx)


class TimestampType(click.ParamType[Timestamp]):
    """A TAMS timestamp, such as 10:0."""

    name = "timestamp"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Timestamp:
        """The timestamp of the text."""
        try:
            return Timestamp.from_str(value)
        except (TypeError, ValueError):
            self.fail(f"not a timestamp: {value!r}; it is written like 10:0", param, ctx)


TIMERANGE: Final = TimeRangeType()
TIMESTAMP: Final = TimestampType()
