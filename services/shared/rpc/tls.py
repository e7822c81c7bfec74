"""Mutual TLS between the processes of a store: what servers and channels show, and what they trust."""

import grpc

from services.shared.tls.files import CertificateFiles, Certificates


def server_credentials(files: CertificateFiles) -> grpc.ServerCredentials:
    """Credentials that admit clients with a certificate of the authorities.

    The files are looked at for each connection.
    """
    used = files.current

    def renewed() -> grpc.ServerCertificateConfiguration | None:
        nonlocal used
        files.renew()
        if files.current == used:
            return None
        used = files.current
        return _configuration(used)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(used),
        renewed,  # type: ignore[arg-type] # None, which the type stubs do not have, stands for no change
        require_client_authentication=True,
    )


def channel_credentials(certificates: Certificates) -> grpc.ChannelCredentials:
    """Credentials that show the certificate, and trust servers with one of the authorities for their name."""
    return grpc.ssl_channel_credentials(
        root_certificates=certificates.authorities,
        private_key=certificates.key,
        certificate_chain=certificates.chain,
    )


def _configuration(certificates: Certificates) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration(
        [(certificates.key, certificates.chain)], root_certificates=certificates.authorities
    )
