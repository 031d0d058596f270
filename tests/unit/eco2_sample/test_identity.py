from __future__ import annotations

import pytest

from eco2_sample.identity import identity


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("auth-6d8f9c7b5d-x2x9z", "auth"),
        ("ext-authz-7c9f8-x2x9z", "ext-authz-7c9f8"),  # no hash is that short
        ("scan-migrate-bcdfg", "scan-migrate"),
        ("some-other", "some-other"),  # words have vowels
        ("laptop", "laptop"),
    ],
)
def test_the_service_is_what_the_pod_is_named_after(host: str, service: str) -> None:
    found = identity({}, host=host)
    assert (found.service, found.pod, found.version) == (service, host, "")


def test_the_environment_names_service_and_version() -> None:
    found = identity({"SAMPLE_SERVICE": "chat", "SAMPLE_VERSION": "2"}, host="auth-6d8f9c7b5d-x2x9z")
    assert (found.service, found.version) == ("chat", "2")


def test_the_host_is_this_machine_s_when_none_is_given() -> None:
    assert identity({}).pod
