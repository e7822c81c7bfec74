"""Waits until parts can serve: `python -m client.local.processes.probe NAME=ADDRESS…`.

Writes the name of each part once it can serve, and ends after the last. It is a separate process, so the
runner does not load the gRPC library for the lifetime of the store.
"""

import http.client
import os
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from client.local.names import TLS

_PAUSE_SECONDS: Final = 0.05
_ANSWER_SECONDS: Final = 2.0
_OPTIONS: Final = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 200),
    # The time that an attempt to connect has, at least. A TLS handshake on a busy machine needs some of it.
    ("grpc.min_reconnect_backoff_ms", 2000),
)


def wait_for(address: str) -> None:
    """Return once a server reports SERVING (grpc, grpcs), or a page answers 200 (http, https)."""
    url = urlsplit(address)
    if url.scheme in {"http", "https"}:
        while not _page_answers(url):
            time.sleep(_PAUSE_SECONDS)
        return
    with _channel(url) as channel:
        while not _serves(channel):
            time.sleep(_PAUSE_SECONDS)


def _page_answers(url: SplitResult) -> bool:
    connection = (
        http.client.HTTPConnection(url.netloc, timeout=_ANSWER_SECONDS)
        if url.scheme == "http"
        else http.client.HTTPSConnection(url.netloc, timeout=_ANSWER_SECONDS, context=_any_certificate())
    )
    try:
        connection.request("GET", url.path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _any_certificate() -> ssl.SSLContext:
    """Accepts all certificates: that of the gateway may be for its public name. Nothing secret is sent."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _channel(url: SplitResult) -> grpc.Channel:
    if url.scheme == "grpc":
        return grpc.insecure_channel(url.netloc, options=_OPTIONS)
    chain, key, authorities = (Path(os.environ[name]).read_bytes() for name in TLS)
    return grpc.secure_channel(
        url.netloc, grpc.ssl_channel_credentials(authorities, key, chain), options=_OPTIONS
    )


def _serves(channel: grpc.Channel) -> bool:
    # The type stubs leave the stub's methods out.
    check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]
    try:
        # Otherwise a call fails at once while there is no connection, and nothing moves a TLS handshake on.
        reply = check(health_pb2.HealthCheckRequest(), timeout=_ANSWER_SECONDS, wait_for_ready=True)
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
