"""`python -m bench.floor.rpc PORT`: grpc.aio on uvloop, with a method that returns some bytes.

The first four bytes of a request are the size of the reply. The others are ignored.
"""

import sys
from typing import Any, Final

import grpc
import uvloop
from grpc import aio

from bench.floor import METHOD

_REPLY: Final = bytes(1024 * 1024)


async def _call(request: bytes, _context: Any) -> bytes:
    return _REPLY[: int.from_bytes(request[:4])]


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = aio.server()
    service, method = METHOD.strip("/").split("/")
    handler: Any = grpc.unary_unary_rpc_method_handler(_call)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
