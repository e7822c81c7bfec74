"""Settings that protect the parts of SeaweedFS from everyone but its own S3, for its environment.

`python -m client.local.storage.protection COMMAND…` runs the command with these settings. A container needs
that, because others can reach its ports. Each run has a new certificate.
"""

import os
import secrets
import sys
import tempfile
from pathlib import Path
from typing import Final

# Every part that serves or calls gRPC, by its name in security.toml (`weed scaffold -config=security`).
_GRPC_PARTS: Final = ("MASTER", "VOLUME", "FILER", "S3", "ADMIN", "WORKER", "CLIENT")
_TOKENS: Final = ("SIGNING", "SIGNING_READ", "FILER_SIGNING", "FILER_SIGNING_READ")


def protection(certificate: str) -> dict[str, str]:
    """Mutual TLS with the certificate in a file, and new keys for tokens, valid for one run."""
    servers = ["HTTPS_MASTER", *(f"GRPC_{part}" for part in _GRPC_PARTS)]
    pairs = {f"WEED_{server}_{file}": certificate for server in servers for file in ("CERT", "KEY")}
    authority = {f"WEED_{protocol}_CA": certificate for protocol in ("GRPC", "HTTPS_MASTER")}
    tokens = {f"WEED_JWT_{token}_KEY": secrets.token_hex(32) for token in _TOKENS}
    return pairs | authority | tokens


def main(command: list[str]) -> None:
    """Replace this process by the command."""
    # Imported here, so the runner of a local store does not load the library.
    from client.local.storage.certificate import new_pem  # noqa: PLC0415

    path = Path(tempfile.mkdtemp(), "certificate.pem")
    path.touch(0o600)
    path.write_text(new_pem())
    os.execvpe(command[0], command, os.environ | protection(str(path)))  # noqa: S606 - the image's own command


if __name__ == "__main__":
    main(sys.argv[1:])
