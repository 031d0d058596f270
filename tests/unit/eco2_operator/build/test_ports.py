from eco2_operator.build.ports import find, ports
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.service import Port


def test_port_is_short_for_one_http_port() -> None:
    spec = EcoDomainSpec(image="eco2:1", port=8000)
    assert ports(spec) == (Port(name="http", port=8000, service_port=80, app_protocol="http"),)


def test_the_first_port_is_meant_when_none_is_named() -> None:
    spec = EcoDomainSpec(image="eco2:1", ports=[Port(name="rpc", port=9001), Port(name="web", port=8000)])
    assert [port.name for port in ports(spec)] == ["rpc", "web"]
    first, named = find(spec, None), find(spec, "web")
    assert first is not None
    assert first.name == "rpc"
    assert named is not None
    assert named.port == 8000
    assert find(spec, "none") is None


def test_a_worker_may_have_no_port() -> None:
    spec = EcoDomainSpec(image="eco2:1", workload="worker")
    assert ports(spec) == ()
    assert find(spec, None) is None
