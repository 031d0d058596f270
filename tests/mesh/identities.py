"""Certificates of callers that speak TLS themselves, without a proxy: a workload's own, and forged ones."""

import datetime
import ssl
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

ALPN = "istio"
"""What a caller's proxy offers; on ports that take plain text too it tells mTLS apart."""


def client(certificates: Path | None = None) -> ssl.SSLContext:
    """A TLS client that shows the certificate of a folder (cert-chain.pem, key.pem), or none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols([ALPN])
    if certificates is not None:
        context.load_cert_chain(certificates / "cert-chain.pem", certificates / "key.pem")
    return context


def forge(folder: Path, principal: str) -> Path:
    """Make a certificate that looks like the principal's, signed by itself; the folder."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "cluster.local")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://{principal}")]), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    (folder / "cert-chain.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder
