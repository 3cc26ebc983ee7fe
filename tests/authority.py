"""A certificate authority for tests: it signs what it is told, and writes PEM files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Authority:
    """A root called *name*, and the certificates that it has signed as ``NAME.pem`` and ``NAME.key``."""

    def __init__(self, folder: Path, name: str = "Test CA") -> None:
        self.folder = folder
        self.name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._sign(self.name, self._key, (), timedelta(days=30), is_authority=True)
        self.path = folder / f"{name.replace(' ', '-').lower()}.pem"
        self.path.write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def issue(
        self,
        name: str,
        *,
        dns: tuple[str, ...] = (),
        ip: tuple[str, ...] = (),
        uri: tuple[str, ...] = (),
        lives: timedelta = timedelta(days=20),
        serial: int = 0,
    ) -> x509.Certificate:
        """Return a certificate, and write it and its key to files that bear its name."""
        key = ec.generate_private_key(ec.SECP256R1())
        names: list[x509.GeneralName] = [x509.DNSName(one) for one in dns]
        names += [x509.IPAddress(ip_address(one)) for one in ip]
        names += [x509.UniformResourceIdentifier(one) for one in uri]
        certificate = self._sign(_name(name), key, tuple(names), lives, serial=serial)
        pem = PrivateFormat.PKCS8
        self.key_of(name).write_bytes(key.private_bytes(Encoding.PEM, pem, NoEncryption()))
        self.pem_of(name).write_bytes(certificate.public_bytes(Encoding.PEM))
        return certificate

    def pem_of(self, name: str) -> Path:
        """Return the file of the certificate *name*."""
        return self.folder / f"{name}.pem"

    def key_of(self, name: str) -> Path:
        """Return the file of its key."""
        return self.folder / f"{name}.key"

    def revoked(self, *certificates: x509.Certificate) -> bytes:
        """Return the list, in PEM, that takes *certificates* back."""
        now = datetime.now(UTC)
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        builder = builder.last_update(now - timedelta(hours=1)).next_update(now + timedelta(days=1))
        for certificate in certificates:
            revoked = x509.RevokedCertificateBuilder(certificate.serial_number, now - timedelta(hours=1))
            builder = builder.add_revoked_certificate(revoked.build())
        return builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM)

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        names: tuple[x509.GeneralName, ...],
        lives: timedelta,
        *,
        is_authority: bool = False,
        serial: int = 0,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        until = now + lives
        builder = x509.CertificateBuilder(self.name, subject, key.public_key())
        builder = builder.serial_number(serial or x509.random_serial_number())
        builder = builder.not_valid_before(min(now, until) - timedelta(days=1)).not_valid_after(until)
        builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, SHA256())


def _name(text: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, text)])
