"""TLS handshakes with a server on loopback, with chosen versions."""

import socket
import ssl
import warnings
from pathlib import Path

from tests.support.access.authority import Issued

TLS_1_1, TLS_1_2, TLS_1_3 = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def context_for(
    authorities: Path, version: ssl.TLSVersion, protocol: str, shown: Issued | None = None
) -> ssl.SSLContext:
    """The context of a client that speaks one version, and that would also speak the oldest ciphers."""
    context = ssl.create_default_context(cafile=authorities)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.set_alpn_protocols([protocol])
    if shown is not None:
        context.load_cert_chain(*shown)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    return context


def handshake(port: int, context: ssl.SSLContext) -> tuple[str | None, bytes]:
    """The protocol that was agreed, and the certificate of the server. ssl.SSLError if it is refused."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as secure,
    ):
        return secure.selected_alpn_protocol(), secure.getpeercert(binary_form=True) or b""
