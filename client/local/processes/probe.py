"""Waits until parts can serve: `python -m client.local.processes.probe NAME=ADDRESS…`.

Writes the name of each part once it can serve, and ends after the last. It is a separate process, so the
runner does not load the gRPC library for the lifetime of the store.
"""

import http.client
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_PAUSE_SECONDS: Final = 0.05
_ANSWER_SECONDS: Final = 2.0
_OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
)


def wait_for(address: str) -> None:
    """Return once a grpc:// server reports SERVING or an http:// page answers 200."""
    url = urlsplit(address)
    if url.scheme == "http":
        while not _page_answers(url.netloc, url.path):
            time.sleep(_PAUSE_SECONDS)
        return
    with grpc.insecure_channel(url.netloc, options=_OPTIONS) as channel:
        while not _serves(channel):
            time.sleep(_PAUSE_SECONDS)


def _page_answers(host: str, path: str) -> bool:
    connection = http.client.HTTPConnection(host, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _serves(channel: grpc.Channel) -> bool:
    # The type stubs leave the stub's methods out.
    check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]
    try:
        reply = check(health_pb2.HealthCheckRequest(), timeout=_ANSWER_SECONDS)
    except grpc.RpcError:
        return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def main(targets: list[str]) -> None:
    """Wait for all targets side by side."""
    with ThreadPoolExecutor(len(targets)) as threads:
        names = {}
        for target in targets:
            name, _, address = target.partition("=")
            names[threads.submit(wait_for, address)] = name
        for done in as_completed(names):
            done.result()
            sys.stdout.write(f"{names[done]}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
