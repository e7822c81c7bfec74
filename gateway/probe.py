"""Checks that the gateway beside this process answers: `python -m gateway.probe [PATH]`.

The exit code is 0 for an answer that is not an error. The default path is /health/live. The settings of the
gateway in the environment have its port, and a certificate if it speaks HTTPS.
"""

import http.client
import os
import ssl
import sys
from typing import Final

from gateway.settings import PREFIX, Settings
from services.shared.errors import StartupError
from services.shared.process.settings import from_env

TIMEOUT_SECONDS: Final = 3.0
_LOWEST_ERROR: Final = 400


def answers(settings: Settings, path: str = "/health/live") -> bool:
    """Whether the gateway with these settings answers a GET on this machine without an error."""
    connection = _connection(settings)
    try:
        connection.request("GET", path)
        return connection.getresponse().status < _LOWEST_ERROR
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _connection(settings: Settings) -> http.client.HTTPConnection:
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104 - compared, not bound
    if not settings.tls_cert:
        return http.client.HTTPConnection(host, settings.port, timeout=TIMEOUT_SECONDS)
    # The certificate is for the name that clients use, and nothing secret is sent.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(host, settings.port, timeout=TIMEOUT_SECONDS, context=context)


def main(path: str = "/health/live") -> None:
    """Exit with the code 0 if the gateway answers without an error, else with 1."""
    try:
        settings = from_env(Settings, PREFIX, os.environ)
    except StartupError as error:
        sys.exit(f"probe: {error}")
    sys.exit(not answers(settings, path))


if __name__ == "__main__":
    main(*sys.argv[1:])
