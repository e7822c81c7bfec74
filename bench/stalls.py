"""`python -m bench.stalls`: how long malicious bodies delay other requests.

Each body is sent alone, while another connection sends GET /service every 5 ms, which needs the gateway and
metadata. The longest of these requests shows for how long one of the two did nothing else. The first line,
without a body, is the noise of the machine. There is no target; people compare the figures.
"""

import asyncio
import json
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import psutil
import uvloop

from bench.corpus import flow_document
from bench.http_reply import body_of
from bench.running.system import System, running_system

_MIB: Final = 1024 * 1024
_SEGMENT: Final = b'{"object_id":"%x","timerange":"[%d:0_%d:0)","get_urls":[{"url":"https://a.example/%x"}]}'
_PAUSE: Final = 0.005


class Case(NamedTuple):
    """A request to send."""

    name: str
    method: str
    path: str
    body: bytes


def main() -> None:
    """Measure all cases, and print a line for each."""
    with tempfile.TemporaryDirectory(prefix="tams-bench-") as folder:
        uvloop.run(_measure(Path(folder)))


async def _measure(folder: Path) -> None:
    async with running_system(folder) as system:
        flow = json.loads(flow_document(str(uuid.uuid4())))
        path = f"/flows/{flow['id']}"
        await asyncio.to_thread(_send, system.gateway.port, "PUT", path, json.dumps(flow).encode())
        for case in [Case("nothing", "", "", b""), *_cases(path, flow)]:
            print(await asyncio.to_thread(_line, system, case), flush=True)


def _line(system: System, case: Case) -> str:
    with _probing(system.gateway.port) as probe_seconds:
        started = time.perf_counter()
        status = _send(system.gateway.port, *case[1:]) if case.method else _pause()
        seconds = time.perf_counter() - started
        time.sleep(0.1)
    memory = " ".join(
        f"{process.name} {psutil.Process(process.popen.pid).memory_info().rss // _MIB} MiB"
        for process in (system.gateway, system.metadata)
    )
    longest = f"longest {1000 * max(probe_seconds):6.0f} ms"
    return f"{case.name:44} {longest}  took {seconds:5.2f} s  {memory}  {status}"


def _pause() -> str:
    time.sleep(2)
    return ""


@contextmanager
def _probing(port: int) -> Iterator[list[float]]:
    probe_seconds: list[float] = []
    ended = threading.Event()

    def probe() -> None:
        while not ended.wait(_PAUSE):
            started = time.perf_counter()
            body_of(port, "/service")
            probe_seconds.append(time.perf_counter() - started)

    thread = threading.Thread(target=probe)
    thread.start()
    try:
        yield probe_seconds
    finally:
        ended.set()
        thread.join()


def _send(port: int, method: str, path: str, body: bytes) -> str:
    """Send a request; returns the status and the beginning of the reply."""
    head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        with suppress(ConnectionError):  # It may be refused before all of it is sent.
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        try:
            reply = b"".join(iter(lambda: connection.recv(65536), b""))
        except ConnectionError:
            reply = b"HTTP/1.1 reset"
    head_text, _, text = reply.partition(b"\r\n\r\n")
    return f"{head_text[9:12].decode()} {text[:110].decode(errors='replace')}"


def _cases(flow: str, document: dict[str, object]) -> Sequence[Case]:
    fillings = {
        "{}": b"{}", "[]": b"[]", "1": b"1", "1.0": b"1.0", '""': b'""', "nested": b"[" * 30 + b"]" * 30,
        "keys": b'{"a":{"b":1}}', "deep": b"[",
    }  # fmt: skip
    large = [(name, size) for name in fillings for size in (_MIB - 2000, 16 * _MIB - 2000)]
    known = json.dumps(document).encode()[:-1]
    return [
        *(
            Case(f"PUT flow, x of {size // _MIB + 1} MiB of {name}", "PUT", flow,
                 b'%b,"x":%b}' % (known, _list(fillings[name], size)))
            for name, size in large
        ),
        *(Case(f"POST segments, {size // _MIB + 1} MiB of {name}", "POST", f"{flow}/segments",
               _list(fillings[name], size)) for name, size in large),
        *(Case(f"PUT label, {size // _MIB + 1} MiB of {name}", "PUT", f"{flow}/label",
               _list(fillings[name], size)) for name, size in large),
        *(Case(f"PUT flow_collection, {size // _MIB + 1} MiB of {name}", "PUT", f"{flow}/flow_collection",
               _list(fillings[name], size)) for name, size in large[::2]),
        *(Case(f"POST /x/flows/batch, {size // _MIB + 1} MiB of {name}", "POST", "/x/flows/batch",
               _list(fillings[name], size)) for name, size in large),
        Case("POST segments, first with 16 MiB of 1.0", "POST", f"{flow}/segments",
             b'[{"object_id":"a","timerange":"[0:0_1:0)","sample_count":1.0,"x":%b}]'
             % _list(b"1.0", 15 * _MIB)),
        Case("POST segments, 466,000 valid", "POST", f"{flow}/segments",
             _list(b'{"object_id":"a","timerange":"_"}', 16 * _MIB - 10)),
        Case("POST segments, 1.5 million URLs", "POST", f"{flow}/segments",
             b'[{"object_id":"a","timerange":"_","get_urls":%b}]' % _list(b'{"url":"a"}', 15 * _MIB)),
        Case("POST segments, 10,000 with decimals", "POST", f"{flow}/segments", b"[%b]" % b",".join(
             _SEGMENT[:-1] % (n, n, n + 1, n) + b',"sample_count":48000.0,"key_frame_count":1.0}'
             for n in range(10_000))),
        Case("POST segments, 10,000", "POST", f"{flow}/segments", b"[%b]" % b",".join(
             _SEGMENT % (n, n + 20_000, n + 20_001, n) for n in range(10_000))),
        Case("POST segments, a text of 16 MiB", "POST", f"{flow}/segments",
             b'[{"object_id":"%b"}]' % (b"\\u0041" * (2 * _MIB))),
        Case("PUT flow, 80,000 tags", "PUT", flow, b'%b,"tags":{%b}}' % (known, b",".join(
             b'"%x":"1"' % n for n in range(80_000)))),
        Case("PUT flow, 80,000 tags of numbers", "PUT", flow, b'%b,"tags":{%b}}' % (known, b",".join(
             b'"%x":1' % n for n in range(80_000)))),
        Case("PUT flow, a key 100,000 times", "PUT", flow, b'%b,"x":{%b}}' % (known, b",".join(
             [b'"a":1'] * 100_000))),
    ]  # fmt: skip


def _list(item: bytes, size: int) -> bytes:
    return b"[%b]" % b",".join([item] * (size // (len(item) + 1)))


if __name__ == "__main__":
    main()
