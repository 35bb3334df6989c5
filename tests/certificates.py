"""Certificates for tests: an authority of our own, and what it signs."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

__all__ = ["Authority", "client_certificate", "pem"]


def _names(*values: str) -> list[x509.GeneralName]:
    """Read `DNS:a`, `IP:1.2.3.4`, `email:a@b` and `URI:spiffe://a`."""
    kinds = {
        "DNS": x509.DNSName,
        "IP": lambda value: x509.IPAddress(ipaddress.ip_address(value)),
        "email": x509.RFC822Name,
        "URI": x509.UniformResourceIdentifier,
    }
    parts = [value.partition(":") for value in values]
    return [kinds[kind](value) for kind, _, value in parts]


class Authority:
    """Signs certificates and writes them into `folder`."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        certificate = self._sign(self._key, self._name, [], is_authority=True)
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str, *alternatives: str) -> tuple[Path, Path]:
        """Write `name.crt` and `name.key`, good for localhost unless other names are given."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(key, _name(name), _names(*(alternatives or ("DNS:localhost", "IP:127.0.0.1"))))
        files = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(pem(key))
        return files

    def _sign(
        self,
        key: ec.EllipticCurvePrivateKey,
        subject: x509.Name,
        alternatives: list[x509.GeneralName],
        *,
        is_authority: bool = False,
    ) -> x509.Certificate:
        signer = self._key.public_key()
        builder = (
            _builder(key.public_key(), subject, self._name, days=1)
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
        )
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, subject: x509.Name, issuer: x509.Name, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC).replace(microsecond=0)
    return (
        x509.CertificateBuilder(issuer_name=issuer, subject_name=subject, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=days))
    )


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, password: bytes | None = None) -> bytes:
    """Write a private key."""
    protection = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection)


def client_certificate(path: Path, days: int) -> float:
    """Write a self-signed certificate with its key, as for an app registration; gives its notAfter in Unix seconds."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    certificate = _builder(key.public_key(), _name("exporter"), _name("exporter"), days).sign(key, hashes.SHA256())
    fresh = path.with_suffix(".new")
    fresh.write_bytes(pem(key) + certificate.public_bytes(serialization.Encoding.PEM))
    fresh.replace(path)
    return certificate.not_valid_after_utc.timestamp()
