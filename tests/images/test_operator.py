"""The image of the operator at work, as far as that is without a cluster. Needs a Docker engine."""

from __future__ import annotations

import pytest
import yaml
from support.containers import once

from eco2_testcluster.images import ROOT, Image

pytestmark = pytest.mark.slow


@pytest.fixture
def image(images: dict[str, Image]) -> str:
    return images["operator"].reference


def test_it_runs_the_operator_when_nothing_is_said(image: str) -> None:
    status, _, errors = once(image)
    assert status == 2
    assert "neither a ServiceAccount nor a kubeconfig was found" in errors


def test_it_has_the_definitions(image: str) -> None:
    status, said, errors = once(image, "crds")
    assert status == 0, errors
    names = {document["metadata"]["name"] for document in yaml.safe_load_all(said)}
    assert "ecodomains.eco2.growbin.app" in names


def test_it_renders_a_domain_of_standard_input(image: str) -> None:
    domain = (ROOT / "examples" / "domains" / "auth.yaml").read_text()
    status, said, errors = once(image, "render", "-f", "-", stdin=domain)
    assert status == 0, errors
    assert "Deployment" in {document["kind"] for document in yaml.safe_load_all(said)}


def test_commands_that_need_a_cluster_say_so(image: str) -> None:
    status, _, errors = once(image, "doctor")
    assert status != 0
    assert "kubeconfig" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize("service", ["ssm", "sts", "sso", "sso-oidc", "signin"])
def test_boto3_knows_parameters_and_what_credentials_come_from(image: str, service: str) -> None:
    code = f"import boto3; print(boto3.client({service!r}, region_name='ap-northeast-2').meta.endpoint_url)"
    status, said, errors = once(image, "-c", code, options=("--entrypoint", "python"))
    assert status == 0, errors
    assert "ap-northeast-2" in said


def test_certificate_authorities_are_known(image: str) -> None:
    code = "import ssl; print(len(ssl.create_default_context().get_ca_certs()))"
    status, said, _ = once(image, "-c", code, options=("--entrypoint", "python"))
    assert (status, int(said) > 50) == (0, True)
