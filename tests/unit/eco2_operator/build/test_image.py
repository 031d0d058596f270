import pytest

from eco2_operator.build.image import is_mutable, pull_policy

DIGEST = "@sha256:" + "0" * 64


@pytest.mark.parametrize(
    "image",
    [
        "eco2",
        "docker.io/mng990/eco2",
        "registry.local:5000/eco2",
        "eco2:latest",
        "eco2:main",
        "eco2:develop",
        "eco2:dev",
        "eco2:staging",
        "eco2:prod",
        "eco2:stable",
        "docker.io/mng990/eco2:scan-dev-latest",
        "registry.local:5000/eco2:chat-prod-latest",
    ],
)
def test_a_moving_tag_is_mutable(image: str) -> None:
    assert is_mutable(image)
    assert pull_policy(image, None) == "Always"


@pytest.mark.parametrize(
    "image",
    [
        "eco2:1.0.6",
        "eco2:v2",
        "eco2:3f2c1ab",
        "eco2:scan-1.0.6",
        "eco2:latest-2026-11-22",
        "registry.local:5000/eco2:2026.11.22",
        f"eco2{DIGEST}",
        f"docker.io/mng990/eco2:scan-dev-latest{DIGEST}",
        f"registry.local:5000/eco2:latest{DIGEST}",
    ],
)
def test_a_version_a_commit_and_a_digest_are_fixed(image: str) -> None:
    assert not is_mutable(image)
    assert pull_policy(image, None) == "IfNotPresent"


def test_the_wanted_policy_wins() -> None:
    assert pull_policy("eco2:latest", "Never") == "Never"
    assert pull_policy(f"eco2{DIGEST}", "Always") == "Always"
