"""One address of the cluster: its socket, faults and counters over the shared database."""

import asyncio
import socket
from collections.abc import Mapping

from tests.support.listening import stop_listening
from tests.vast.counters import RequestCounter
from tests.vast.database import Database
from tests.vast.faults import Fault, Faults
from tests.vast.http import Dropped, Reply, Request, serve_connection
from tests.vast.refusals import Refusal
from tests.vast.routes import operation_of
from tests.vast.signature import check_signature


class Endpoint:
    """Listens on one port; a stopped one refuses connections and can be started again on the same port."""

    def __init__(self, database: Database, secrets: Mapping[str, str] | None) -> None:
        self.faults = Faults()
        self.requests = RequestCounter()
        self.host, self.port = "", 0
        self._database, self._secrets = database, secrets
        self._server: asyncio.Server | None = None
        self._reserved: socket.socket | None = None
        self._connections: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        """What clients connect to."""
        return f"http://{self.host}:{self.port}"

    async def listen(self, host: str, port: int) -> None:
        """Opens the socket; port 0 picks one."""
        if self._reserved is None:
            self._reserved = _reserved(host, port)
        self.host, self.port = host, self._reserved.getsockname()[1]
        self._server = await asyncio.start_server(
            self._serve, host, self.port, limit=1 << 18, backlog=1024, reuse_port=True
        )

    async def close(self) -> None:
        """Closes the socket and every connection at once; the port stays taken."""
        if self._server is not None:
            await stop_listening(self._server)
            self._server = None
        for writer in list(self._connections):
            writer.transport.abort()

    def release(self) -> None:
        """Gives the port back."""
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections.add(writer)
        version = "vast " + ".".join(str(part) for part in self._database.version)
        try:
            await serve_connection(reader, writer, self._answer, version)
        finally:
            self._connections.discard(writer)

    async def _answer(self, request: Request) -> Reply:
        try:
            operation = operation_of(request)
            self.requests.add(operation.name)
            if self._secrets is not None:
                check_signature(request, self._secrets)
            fault = self.faults.take(operation.name)
            await _before(fault)
            return _after(fault, operation.carry_out(self._database, request))
        except Refusal as refusal:
            return Reply(refusal.status, {"Content-Type": "application/xml"}, refusal.body())


def _reserved(host: str, port: int) -> socket.socket:
    """A socket that never listens: while the endpoint is stopped nobody else is given its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    holder = socket.socket(family)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
    except OSError:
        holder.close()
        raise
    return holder


async def _before(fault: Fault | None) -> None:
    if fault is None:
        return
    if fault.delay:
        await asyncio.sleep(fault.delay)
    if fault.drop:
        raise Dropped
    if fault.refusal is not None:
        raise fault.refusal


def _after(fault: Fault | None, reply: Reply) -> Reply:
    if fault is not None and fault.lose_reply:
        raise Dropped
    if fault is not None and fault.truncate is not None:
        raise Dropped(reply, fault.truncate)
    return reply
