"""An address of the cluster, with a socket, faults and counters of its own on the shared database."""

import asyncio
import socket
from collections.abc import Mapping
from http import HTTPStatus

from simulators.vast.database import Database
from simulators.vast.endpoints.counters import RequestCounter
from simulators.vast.endpoints.faults import UNLIMITED, Fault, Faults
from simulators.vast.http.connection import Dropped, Reply, Request, serve_connection
from simulators.vast.http.listening import stop_listening
from simulators.vast.http.refusals import Refusal
from simulators.vast.http.signature import check_signature
from simulators.vast.routes import ROW_REQUESTS, operation_of

# How often a held request checks whether it may continue.
_TURN_SECONDS = 0.02


class Endpoint:
    """Listens on a port. A stopped endpoint refuses connections, and can be started again on its port."""

    def __init__(self, database: Database, secrets: Mapping[str, str] | None) -> None:
        self.faults = Faults()
        self.requests = RequestCounter()
        # Requests about rows, such as "update flows", and those with a conflict, such as "conflict flows".
        self.row_requests = RequestCounter()
        # Bytes of the bodies of all requests and replies.
        self.moved = 0
        self.host, self.port = "", 0
        self._database, self._secrets = database, secrets
        self._server: asyncio.Server | None = None
        self._reserved: socket.socket | None = None
        self._connections: set[asyncio.StreamWriter] = set()
        self._stopping = False
        self._restarting: asyncio.Task[None] | None = None
        # Opening and closing take several turns of the loop, in which another task may open or close it.
        self._changing = asyncio.Lock()

    @property
    def url(self) -> str:
        """The URL for clients."""
        return f"http://{self.host}:{self.port}"

    async def listen(self, host: str, port: int) -> None:
        """Opens the socket unless it is open. With port 0, the system chooses the port."""
        async with self._changing:
            if self._server is None:
                await self._open(host, port)

    async def _open(self, host: str, port: int) -> None:
        if self._reserved is None:
            self._reserved = _reserved(host, port)
        self.host, self.port = host, self._reserved.getsockname()[1]
        # It is stored before it serves, so that it is closed even if this task is cancelled.
        self._server = await asyncio.start_server(
            self._serve, host, self.port, limit=1 << 18, backlog=1024, reuse_port=True, start_serving=False
        )
        await self._server.start_serving()

    async def close(self) -> None:
        """Closes the socket and all connections. The port stays reserved."""
        if self._restarting is not None:
            self._restarting.cancel()
            self._restarting = None
        async with self._changing:
            if self._server is not None:
                await stop_listening(self._server)
                self._server = None
            for writer in list(self._connections):
                writer.transport.abort()

    def release(self) -> None:
        """Releases the port."""
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
        table = ""
        try:
            operation = operation_of(request)
            self.requests.add(operation.name)
            if operation.name in ROW_REQUESTS:
                table = request.segments[-1]
                self.row_requests.add(f"{operation.name} {table}")
            if self._secrets is not None:
                check_signature(request, self._secrets)
            fault = self.faults.take(operation.name)
            if fault is not None:
                await self._apply_before(fault)
            reply = operation.carry_out(self._database, request)
            self.moved += len(request.body) + len(reply.body)
            return reply if fault is None else await self._apply_after(fault, reply)
        except Refusal as refusal:
            if table and refusal.status == HTTPStatus.CONFLICT:
                self.row_requests.add(f"conflict {table}")
            return Reply(refusal.status, {"Content-Type": "application/xml"}, refusal.body())

    async def _apply_before(self, fault: Fault) -> None:
        if fault.stopped_seconds and not fault.lose_reply:
            await self._stop_for(fault.stopped_seconds)
        if fault.delay:
            await asyncio.sleep(fault.delay)
        while fault.hang and self.faults.holds(fault):  # noqa: ASYNC110 - other threads clear faults
            await asyncio.sleep(_TURN_SECONDS)
        if fault.drop:
            raise Dropped(reset=fault.reset)
        if fault.refusal is not None:
            raise fault.refusal

    async def _apply_after(self, fault: Fault, reply: Reply) -> Reply:
        if fault.stopped_seconds:
            await self._stop_for(fault.stopped_seconds)
        if fault.lose_reply:
            raise Dropped(reset=fault.reset)
        if fault.truncate is not None:
            raise Dropped(reply, fault.truncate)
        return reply

    async def _stop_for(self, seconds: float) -> None:
        """Stops, and starts again after some seconds."""
        if not self._stopping:
            self._stopping = True
            await self.close()
            if seconds != UNLIMITED:
                self._restarting = asyncio.create_task(self._start_after(seconds))
            self._stopping = False
        raise Dropped

    async def _start_after(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._server is None and self._reserved is not None:
            await self.listen(self.host, self.port)


def _reserved(host: str, port: int) -> socket.socket:
    """A socket that reserves the port while the endpoint is stopped. It never listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    holder = socket.socket(family)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind((host, port))
    except OSError:
        holder.close()
        raise
    return holder
