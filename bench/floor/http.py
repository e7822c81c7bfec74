"""`python -m bench.floor.http PORT RPC_PORT`: granian as in the gateway, and a gRPC call per request.

The path is the size of the reply. The body of a POST is passed on.
"""

import sys
from typing import Any

import uvloop
from granian.server.embed import Server
from grpc import aio

from bench.floor import METHOD


class Floor:
    """An RSGI application."""

    def __init__(self, channel: aio.Channel) -> None:
        self._call: Any = channel.unary_unary(METHOD)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Serve a request."""
        request = int(scope.path[1:]).to_bytes(4)
        if scope.method == "POST":
            request += await protocol()
        reply = await self._call(request)
        protocol.response_bytes(200, [("content-type", "application/json")], reply)


async def serve(port: int, rpc_port: int) -> None:
    """Serve until the process is ended."""
    async with aio.insecure_channel(f"127.0.0.1:{rpc_port}") as channel:
        server = Server(Floor(channel), port=port, websockets=False, log_enabled=False)
        await server.serve()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
