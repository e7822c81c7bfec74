"""Checks that a certificate, its key and the authorities of a process can be used.

Imported when a process has certificates, because the library takes memory that others do not need.
"""

from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_MIN_RSA_BITS: Final = 2048
_CURVES: Final = (ec.SECP256R1, ec.SECP384R1)


def check_pair(chain: bytes, key: bytes) -> None:
    """ValueError unless the key is that of the first certificate, and both are of a kind that servers use."""
    leaf = check_certificates(chain)
    if leaf.version is not x509.Version.v3:
        raise ValueError("the certificate is not of X.509 version 3")
    if _private_key(key).public_key() != leaf.public_key():
        raise ValueError("the key does not belong to the certificate")


def check_certificates(pem: bytes) -> x509.Certificate:
    """The first certificate in a text. ValueError if there is no certificate in it, or a malformed one."""
    try:
        return x509.load_pem_x509_certificates(pem)[0]
    except ValueError:
        raise ValueError("the file has no certificate in PEM") from None


def fault_of_dates(chain: bytes, now: datetime) -> str:
    """Why the first certificate is not valid at this time; empty if it is."""
    leaf = check_certificates(chain)
    if now > leaf.not_valid_after_utc:
        return f"it expired at {leaf.not_valid_after_utc.isoformat()}"
    if now < leaf.not_valid_before_utc:
        return f"it is not valid before {leaf.not_valid_before_utc.isoformat()}"
    return ""


def name_of(chain: bytes) -> str:
    """The first host name or address for which the certificate is; empty if it has none."""
    try:
        names = (
            check_certificates(chain).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        )
    except x509.ExtensionNotFound:
        return ""
    hosts = names.get_values_for_type(x509.DNSName)
    addresses = names.get_values_for_type(x509.IPAddress)
    return next(iter([*hosts, *map(str, addresses)]), "")


def _private_key(pem: bytes) -> rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey:
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError:
        raise ValueError("the key is encrypted; the store has no password for it") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("the key is not a private key in PEM") from None
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, _CURVES):
        return key
    raise ValueError(f"the key is neither RSA of {_MIN_RSA_BITS} bits or more, nor ECDSA on P-256 or P-384")
