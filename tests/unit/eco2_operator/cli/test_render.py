"""`eco2 render`: the children, offline."""

import json

import pytest
import yaml

DOMAIN = """
apiVersion: eco2.growbin.app/v1alpha1
kind: EcoDomain
metadata: {name: scan, namespace: scan}
spec: {image: "x:1.0", port: 8000, nodePort: 31667}
"""
PLAIN = ["ServiceAccount", "NetworkPolicy", "Service", "Deployment"]
NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: scan}\n"


def test_the_children_of_a_domain_are_printed(run):
    result = run("render", "-f", "-", stdin=f"{NAMESPACE}---{DOMAIN}")
    assert result.exit_code == 0
    assert result.stderr == ""
    children = list(yaml.safe_load_all(result.stdout))
    assert [child["kind"] for child in children] == [*PLAIN[:3], "ServiceMonitor", PLAIN[3]]
    assert {child["metadata"]["namespace"] for child in children} == {"scan"}
    assert all("ownerReferences" not in child["metadata"] for child in children)


def test_json_is_a_list_that_kubectl_takes(run):
    result = run("render", "-f", "-", "-o", "json", stdin=DOMAIN)
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["apiVersion"], document["kind"]) == ("v1", "List")
    assert len(document["items"]) == 5


def test_it_is_stable(run):
    assert run("render", "-f", "-", stdin=DOMAIN).stdout == run("render", "-f", "-", stdin=DOMAIN).stdout


def test_the_namespace_can_be_named(run):
    result = run("render", "-n", "here", "-f", "-", stdin=DOMAIN.replace(", namespace: scan", ""))
    assert {child["metadata"]["namespace"] for child in yaml.safe_load_all(result.stdout)} == {"here"}


def test_with_one_fault_nothing_is_printed_but_all_faults(run, tmp_path):
    (tmp_path / "good.yaml").write_text(DOMAIN)
    (tmp_path / "bad.yaml").write_text(DOMAIN.replace("name: scan,", "name: bad,").replace("8000", "0"))
    (tmp_path / "worse.yaml").write_text("a: [")
    result = run("render", "-f", str(tmp_path))
    assert result.exit_code == 2
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith(f"{tmp_path}/worse.yaml: line 2: ")
    assert lines[1].startswith(f"{tmp_path}/bad.yaml: EcoDomain scan/bad: spec.port: ")


def test_a_file_without_our_resources_is_noted(run):
    result = run("render", "-f", "-", stdin=NAMESPACE)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "note: no resource of eco2.growbin.app in these files\n"


def test_what_the_operator_would_refuse_is_noted(run):
    other = DOMAIN.replace("name: scan", "name: panel").replace("nodePort: 31667", "tier: observability")
    caller = DOMAIN.replace("31667", "31667, access: {outbound: [{domain: panel}]}")
    result = run("render", "-f", "-", stdin=f"{other}---{caller}")
    assert result.exit_code == 0
    assert result.stderr.startswith("note: stdin: EcoDomain scan/scan: ")
    assert "panel" in result.stderr


def test_a_suspended_domain_is_noted(run):
    result = run("render", "-f", "-", stdin=DOMAIN.replace("31667", "31667, suspend: true"))
    assert "suspended" in result.stderr
    assert result.stdout


def test_files_are_needed(run):
    result = run("render")
    assert result.exit_code == 2
    assert "Missing option" in result.stderr


def kinds(run, *args, stdin):
    result = run("render", "-f", "-", *args, stdin=stdin)
    assert result.exit_code == 0
    return [child["kind"] for child in yaml.safe_load_all(result.stdout) if child]


def test_kinds_that_the_cluster_lacks_can_be_left_out(run):
    assert kinds(run, "--without", "ServiceMonitor", stdin=DOMAIN) == PLAIN
    result = run("render", "-f", "-", "--without", "Deployment", stdin=DOMAIN)
    assert result.exit_code == 2
    assert "'Deployment' is not one of 'AuthorizationPolicy'" in result.stderr


@pytest.mark.parametrize("label", ["istio-injection: enabled", "istio.io/rev: stable"])
def test_a_namespace_among_the_files_puts_the_pods_into_the_mesh(run, label):
    meshed = NAMESPACE.replace("name: scan", f"name: scan, labels: {{{label}}}")
    made = kinds(run, stdin=f"{meshed}---{DOMAIN}")
    assert made == [*PLAIN[:2], "AuthorizationPolicy", "PeerAuthentication", "Service", "ServiceMonitor", "Deployment"]
    without = ("--without", "AuthorizationPolicy", "--without", "PeerAuthentication", "--without", "ServiceMonitor")
    assert kinds(run, *without, stdin=f"{meshed}---{DOMAIN}") == PLAIN


def test_the_migration_is_a_job_before_the_pods(run):
    spec = DOMAIN.replace("31667", "31667, migrations: {command: [alembic, upgrade, head]}")
    result = run("render", "-f", "-", "--without", "ServiceMonitor", stdin=spec)
    made = list(yaml.safe_load_all(result.stdout))
    assert [child["kind"] for child in made] == [*PLAIN[:2], "NetworkPolicy", "Service", "Job", "Deployment"]
    assert made[4]["metadata"]["name"].startswith("scan-migrate-")
    assert made[4]["spec"]["template"]["spec"]["containers"][0]["command"] == ["alembic", "upgrade", "head"]


BINDING = """
apiVersion: eco2.growbin.app/v1alpha1
kind: EcoSecretBinding
metadata: {name: keys, namespace: scan}
spec: {secretStoreRef: {name: aws}, keys: [{name: A, parameter: /eco2/dev/scan/a}]}
"""


def test_a_binding_with_a_store_is_an_external_secret(run):
    assert kinds(run, stdin=BINDING) == ["ExternalSecret"]


@pytest.mark.parametrize(
    ("binding", "args"),
    [(BINDING, ("--without", "ExternalSecret")), (BINDING.replace("secretStoreRef: {name: aws}, ", ""), ())],
)
def test_a_binding_that_the_operator_reads_itself_is_nothing(run, binding, args):
    result = run("render", "-f", "-", *args, stdin=binding)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "EcoSecretBinding scan/keys: the operator itself reads the values: nothing to print" in result.stderr
