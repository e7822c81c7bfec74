"""gRPC load: unary calls with encoded messages."""

import asyncio
import time
from typing import Any

from grpc import aio

from bench.load import Outcome, Plan
from bench.load.tally import Tally


async def send_rpc(plan: Plan) -> Outcome:
    """Run the plan against 127.0.0.1: one channel, and a caller for each connection."""
    tally = Tally(plan)
    async with aio.insecure_channel(f"127.0.0.1:{plan.port}") as channel:
        await channel.channel_ready()
        method: Any = channel.unary_unary(plan.method)
        tally.start()
        await asyncio.gather(*(_caller(method, tally) for _ in range(plan.connections)))
    return tally.outcome()


async def _caller(method: Any, tally: Tally) -> None:
    while (request := tally.next()) is not None:
        sent = time.perf_counter()
        try:
            await method(request)
        except aio.AioRpcError as error:
            tally.error(f"{error.code()}: {error.details()}")
        tally.reply(sent)
