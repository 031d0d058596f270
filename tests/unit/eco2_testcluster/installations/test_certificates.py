from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

from cryptography import x509

from eco2_testcluster.examples import Examples
from eco2_testcluster.installations.certificates import authority, tls_secrets


def entrance(name: str, hosts: list[str], **gateway: Any) -> dict[str, Any]:
    return {"kind": "EcoIngress", "metadata": {"name": name}, "spec": {"hosts": hosts, "gateway": gateway}}


def test_an_authority_is_made_once_and_its_key_is_for_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    first = authority(folder)
    assert authority(folder).pair == first.pair
    assert stat.S_IMODE((folder / "ca.key").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_each_entrance_with_tls_gets_a_certificate_of_its_hosts(tmp_path: Path) -> None:
    signer = authority(tmp_path)
    working = (
        entrance("api", ["api.test", "*.web.test"], tls={"secretName": "api-tls"}),
        entrance("other", ["b.test"], tls={"secretName": "b-tls"}, namespace="edge"),
        entrance("plain", ["c.test"]),
        {"kind": "EcoIngress", "metadata": {"name": "alb"}, "spec": {"hosts": ["d.test"], "alb": {}}},
        {"kind": "EcoDomain", "metadata": {"name": "scan"}, "spec": {}},
    )
    secrets = list(tls_secrets(Examples(working=working), signer))
    places = [(secret["metadata"]["namespace"], secret["metadata"]["name"]) for secret in secrets]
    assert places == [("istio-ingress", "api-tls"), ("edge", "b-tls")]
    certificate = x509.load_pem_x509_certificate(secrets[0]["stringData"]["tls.crt"].encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["api.test", "*.web.test"]
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(signer.pair.certificate))
