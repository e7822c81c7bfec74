"""Checks the health of a server: `python -m services.shared.rpc.probe HOST:PORT [SERVICE]`.

The exit code is 0 for SERVING. With TAMS_TLS_* in the environment, the probe shows the certificate of the
process. It runs beside the server, so that certificate also has the name that the server must show.
"""

import os
import sys
from collections.abc import Mapping
from typing import Final

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.shared.errors import StartupError
from services.shared.process.settings import TLS_CA, TLS_CERT, TLS_KEY
from services.shared.rpc.tls import channel_credentials
from services.shared.tls.files import open_certificates

TIMEOUT_SECONDS: Final = 3.0
# A proxy in the environment is for access to other networks.
_DIRECT: Final = ("grpc.enable_http_proxy", 0)


def is_serving(address: str, service: str = "", tls_files: Mapping[str, str] | None = None) -> bool:
    """True if the server answers SERVING for a service; the empty name stands for the whole server.

    StartupError if the files for TLS cannot be used.
    """
    with _channel(address, tls_files or {}) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        # The type stubs do not have the methods of HealthStub.
        check = health_pb2_grpc.HealthStub(channel).Check  # type: ignore[attr-defined]
        try:
            reply = check(request, timeout=TIMEOUT_SECONDS)
        except grpc.RpcError:
            return False
    return bool(reply.status == health_pb2.HealthCheckResponse.SERVING)


def _channel(address: str, tls_files: Mapping[str, str]) -> grpc.Channel:
    files = open_certificates(tls_files)
    if files is None:
        return grpc.insecure_channel(address, [_DIRECT])
    from services.shared.tls.checking import name_of  # noqa: PLC0415 - only processes with TLS need the library

    options = [_DIRECT, ("grpc.ssl_target_name_override", name_of(files.current.chain))]
    return grpc.secure_channel(address, channel_credentials(files.current), options)


def main(address: str, service: str = "") -> None:
    """Exit with the code 0 if the server is SERVING, else with 1."""
    files = {name: os.environ.get(name, "") for name in (TLS_CERT, TLS_KEY, TLS_CA)}
    try:
        sys.exit(not is_serving(address, service, files))
    except StartupError as error:
        sys.exit(f"probe: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
