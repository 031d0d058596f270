"""Where kinds live in the API."""

import pytest

from eco2_operator.kinds import (
    CHILDREN,
    DEPLOYMENT,
    ECO_DOMAIN,
    EVENT,
    NETWORK_POLICY,
    OBSERVED,
    RESOURCES,
    SERVICE,
    SERVICE_ACCOUNT,
    Kind,
    by_name,
)


@pytest.mark.parametrize(
    ("kind", "place", "path"),
    [
        (SERVICE, (), "/api/v1/services"),
        (SERVICE, ("shop",), "/api/v1/namespaces/shop/services"),
        (SERVICE, ("shop", "scan"), "/api/v1/namespaces/shop/services/scan"),
        (DEPLOYMENT, ("",), "/apis/apps/v1/deployments"),
        (DEPLOYMENT, ("shop", "scan", "scale"), "/apis/apps/v1/namespaces/shop/deployments/scan/scale"),
        (
            ECO_DOMAIN,
            ("shop", "scan", "status"),
            "/apis/eco2.growbin.app/v1alpha1/namespaces/shop/ecodomains/scan/status",
        ),
    ],
)
def test_paths_follow_the_api(kind: Kind, place: tuple[str, ...], path: str) -> None:
    assert kind.path(*place) == path


def test_the_core_group_has_no_name() -> None:
    assert SERVICE.api_version == "v1"
    assert DEPLOYMENT.api_version == "apps/v1"


def test_every_kind_that_is_watched_is_found_by_its_name() -> None:
    for kind in (*RESOURCES, *CHILDREN, *OBSERVED):
        assert by_name(kind.group, kind.name) is kind
    assert by_name(EVENT.group, EVENT.name) is None
    assert by_name("extensions", "Deployment") is None


def test_pods_come_after_what_guards_them() -> None:
    order = list(CHILDREN)
    assert order.index(SERVICE_ACCOUNT) < order.index(NETWORK_POLICY) < order.index(DEPLOYMENT) == len(order) - 1
