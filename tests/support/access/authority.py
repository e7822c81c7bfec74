"""A certificate authority of a test, and the certificates that it issues."""

import ipaddress
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)
LOOPBACK = ("127.0.0.1", "localhost")


class Issued(NamedTuple):
    """The files with a certificate and its key."""

    cert: Path
    key: Path

    @property
    def https(self) -> dict[str, Any]:
        """The settings of a gateway with this certificate."""
        return {"tls_cert": str(self.cert), "tls_key": str(self.key)}

    def replace(self, other: "Issued") -> None:
        """Put another certificate into these files, each at once, as renewals do."""
        for own, fresh in zip(self, other, strict=True):
            copy = own.with_suffix(".fresh")
            copy.write_bytes(fresh.read_bytes())
            copy.replace(own)


class Authority:
    """An authority with its certificate in a file of the folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.file = folder / f"{name}.pem"
        own = _builder(self._name, self._name, self._key, -DAY, DAY).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def issue(
        self,
        name: str,
        hosts: Sequence[str] = LOOPBACK,
        *,
        begins: timedelta = -DAY,
        ends: timedelta = DAY,
    ) -> Issued:
        """A certificate for the hosts, which is valid from and until these times from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        certificate = (
            _builder(subject, self._name, key, begins, ends)
            .add_extension(x509.SubjectAlternativeName([_general(host) for host in hosts]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        issued = Issued(self.folder / f"{name}.crt", self.folder / f"{name}.key")
        issued.cert.write_bytes(certificate.public_bytes(Encoding.PEM))
        issued.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return issued

    def tls(self, issued: Issued) -> dict[str, Any]:
        """The settings of a process with this certificate, which trusts this authority."""
        return {"rpc_cert": str(issued.cert), "rpc_key": str(issued.key), "rpc_ca": str(self.file)}

    def environment(self, issued: Issued) -> dict[str, str]:
        """The same as environment variables."""
        return {
            "TAMS_TLS_CERT": str(issued.cert),
            "TAMS_TLS_KEY": str(issued.key),
            "TAMS_TLS_CA": str(self.file),
        }


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    begins: timedelta,
    ends: timedelta,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    number = x509.random_serial_number()
    return x509.CertificateBuilder(issuer, subject, key.public_key(), number, now + begins, now + ends)


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
