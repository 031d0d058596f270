"""What can go wrong between the command line and a cluster ends in one line that says what to do."""

import json
import socket

import pytest
from click.testing import CliRunner

from eco2_operator.cli.cluster import Permission, Reader
from eco2_operator.cli.errors import CliError
from eco2_operator.cli.main import eco2
from eco2_operator.cli.options import Target
from eco2_operator.kinds import ECO_DOMAIN, SERVICE


@pytest.fixture
def reader(kubeconfig):
    with Reader.connect(Target(str(kubeconfig))) as reader:
        yield reader


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def failing(*args, kubeconfig):
    result = CliRunner().invoke(eco2, args, env={"KUBECONFIG": str(kubeconfig)}, catch_exceptions=False)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("eco2: ")
    return result.stderr


@pytest.mark.parametrize("command", [["status"], ["doctor"], ["diff", "-f", "-"]])
def test_a_server_that_is_not_there(command, make, tmp_path):
    server = f"http://127.0.0.1:{closed_port()}"
    message = failing(*command, kubeconfig=make.kubeconfig(tmp_path / "config", server))
    assert f"{server} is not reachable" in message
    assert "refused" in message


def test_a_server_that_speaks_no_tls(api, make, tmp_path):
    config = make.kubeconfig(tmp_path / "config", api.url.replace("http:", "https:"))
    assert "is not reachable" in failing("status", kubeconfig=config)


def test_no_kubeconfig(tmp_path):
    assert "no such file; name one with --kubeconfig or KUBECONFIG" in failing("status", kubeconfig=tmp_path / "none")


def test_an_unknown_context(kubeconfig):
    message = failing("status", "--context", "other", kubeconfig=kubeconfig)
    assert "other" in message
    assert "--context" in message


def test_an_unknown_user(api, kubeconfig):
    api.answers[ECO_DOMAIN.path("default")] = (401, {"message": "Unauthorized"})
    assert "does not know you: log in again" in failing("status", kubeconfig=kubeconfig)


def test_a_forbidden_list(api, kubeconfig):
    api.forbid(ECO_DOMAIN, "default")
    message = failing("status", kubeconfig=kubeconfig)
    assert 'forbids it: cannot list resource "ecodomains"' in message


def test_no_crds(api, kubeconfig):
    api.answers[ECO_DOMAIN.path("default")] = (404, {"message": "the server could not find the requested resource"})
    assert "install the CRDs with `eco2 crds | kubectl apply" in failing("status", kubeconfig=kubeconfig)


def test_a_broken_server(api, kubeconfig):
    api.answers[ECO_DOMAIN.path("default")] = (500, {"message": "etcd is away"})
    assert "HTTP 500: etcd is away" in failing("status", kubeconfig=kubeconfig)


def test_long_lists_come_in_pages(api, make, reader):
    api.page_size = 2
    api.add(*(make.domain(f"d{n}", "ns") for n in range(5)))
    found = reader.objects(ECO_DOMAIN)
    assert [obj["metadata"]["name"] for obj in found] == ["d0", "d1", "d2", "d3", "d4"]
    assert {(obj["apiVersion"], obj["kind"]) for obj in found} == {("eco2.growbin.app/v1alpha1", "EcoDomain")}


def test_several_gets_keep_their_order(api, make, reader):
    api.add(make.domain("b", "ns"))
    found = reader.get_many([(ECO_DOMAIN, "ns", "a"), (ECO_DOMAIN, "ns", "b"), (SERVICE, "ns", "c")])
    assert [obj and obj["metadata"]["name"] for obj in found] == [None, "b", None]


def test_permissions_are_asked_one_by_one(api, reader):
    api.refused_verbs = {"delete"}
    asked = [Permission(verb, "apps", "deployments", "ns") for verb in ("get", "delete")]
    assert reader.allowed(asked) == [True, False]


def test_the_namespace_is_the_contexts_unless_named(api, make, tmp_path):
    config = str(make.kubeconfig(tmp_path / "config", api.url, namespace="mine"))
    for namespace, expected in ((None, "mine"), ("other", "other")):
        with Reader.connect(Target(config, namespace=namespace)) as reader:
            assert reader.namespace == expected


def test_kubeconfigs_are_joined(api, make, tmp_path):
    config = make.kubeconfig(tmp_path / "config", api.url)
    with Reader.connect(Target(f"{tmp_path / 'absent'}:{config}")) as reader:
        assert reader.server == api.url


def test_a_kubeconfig_that_is_none(tmp_path):
    config = tmp_path / "config"
    config.write_text(json.dumps({"kind": "Config"}))
    with pytest.raises(CliError, match="kubeconfig"):
        Reader.connect(Target(str(config)))


def test_a_kind_the_cluster_does_not_serve(api, reader):
    api.answers[SERVICE.path()] = (404, {"message": "not found"})
    with pytest.raises(CliError, match="does not serve services of v1"):
        reader.objects(SERVICE)


def test_an_answer_that_is_no_status(api, reader):
    api.answers[SERVICE.path()] = (502, ["a proxy"])
    with pytest.raises(CliError, match="HTTP 502"):
        reader.objects(SERVICE)
    api.answers[SERVICE.path("ns", "a")] = (500, {})
    with pytest.raises(CliError, match="no reason given"):
        reader.get(SERVICE, "ns", "a")
