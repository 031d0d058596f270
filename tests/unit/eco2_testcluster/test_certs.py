from __future__ import annotations

import json
import stat
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from eco2_testcluster.certs import Authority, KeyPair, write_private
from eco2_testcluster.kubeconfig import write_kubeconfig
from eco2_testcluster.pki import create_pki, user_certificate


def read(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def usages(certificate: x509.Certificate) -> set[x509.ObjectIdentifier]:
    return set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)


def test_user_and_groups_are_in_the_subject() -> None:
    authority = Authority.create("ca")
    certificate = read(authority.issue("jane", organizations=["dev", "ops"]))
    groups = [part.value for part in certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    assert groups == ["dev", "ops"]
    assert certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "jane"
    assert usages(certificate) == {ExtendedKeyUsageOID.CLIENT_AUTH}
    certificate.verify_directly_issued_by(read(authority.pair))


def test_a_server_has_its_names_and_addresses() -> None:
    certificate = read(Authority.create("ca").issue("s", hosts=["127.0.0.1", "localhost"], client=False))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert usages(certificate) == {ExtendedKeyUsageOID.SERVER_AUTH}


def test_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    create_pki(tmp_path, service_address="10.96.0.1")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*.key")}
    assert set(modes.values()) == {0o600}
    assert "service-account.key" in modes


def test_a_private_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("old, and readable")
    write_private(tmp_path / "f", b"new")
    assert (tmp_path / "f").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600


def test_another_user_is_signed_by_the_cluster_and_not_by_etcd(tmp_path: Path) -> None:
    create_pki(tmp_path, service_address="10.96.0.1")
    certificate = read(user_certificate(tmp_path, "jane", groups=("dev",)))
    certificate.verify_directly_issued_by(read(KeyPair.load(tmp_path, "ca")))
    assert certificate.issuer != read(KeyPair.load(tmp_path, "etcd-ca")).subject


def test_a_kubeconfig_holds_everything(tmp_path: Path) -> None:
    authority = Authority.create("ca")
    path = write_kubeconfig(
        tmp_path / "kubeconfig",
        server="https://127.0.0.1:1",
        authority=authority.pair.certificate,
        user="jane",
        pair=authority.issue("jane"),
    )
    document = json.loads(path.read_text())
    assert document["current-context"] == document["contexts"][0]["name"]
    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:1"
    assert set(document["users"][0]["user"]) == {"client-certificate-data", "client-key-data"}
