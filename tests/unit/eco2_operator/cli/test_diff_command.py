"""`eco2 diff` against an API server."""

import json

import pytest

from eco2_operator.cli import yamls
from eco2_operator.kinds import ECO_DOMAIN, ECO_INGRESS, NAMESPACE, OPTIONAL
from eco2_operator.naming import SECRETS_ANNOTATION


def text(*objects):
    return yamls.dump_all(objects)


def plain(domain):
    """The file of a domain: without what the API server adds."""
    metadata = {k: domain["metadata"][k] for k in ("name", "namespace")}
    return {k: domain[k] for k in ("apiVersion", "kind", "spec")} | {"metadata": metadata}


@pytest.fixture
def applied(api, make, on_cluster):
    """A domain whose children are exactly as wanted."""
    domain = make.domain(replicas=1)
    lacking = [f"--without={kind.name}" for kind in OPTIONAL]
    rendered = on_cluster("render", "-f", "-", "-o", "json", *lacking, stdin=text(domain))
    children = json.loads(rendered.stdout)["items"]
    inventory = []
    for child in children:
        group, _, _ = child["apiVersion"].rpartition("/")
        child["metadata"] |= {"uid": f"uid-{child['kind']}", "resourceVersion": "5"}
        place = {"group": group, "kind": child["kind"], "namespace": "scan", "name": "scan"}
        inventory.append({**place, "uid": child["metadata"]["uid"]})
    domain["status"] = make.status(inventory=inventory)
    api.add(domain, *children)
    return domain


def test_nothing_differs(applied, on_cluster):
    result = on_cluster("diff", "-f", "-", stdin=text(plain(applied)))
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_a_change_is_shown(applied, on_cluster):
    wanted = plain(applied)
    wanted["spec"] = {**wanted["spec"], "replicas": 3}
    result = on_cluster("diff", "-f", "-", stdin=text(wanted))
    assert result.exit_code == 1
    assert "-  replicas: 1\n+  replicas: 3\n" in result.stdout
    assert "+++ wanted/PodDisruptionBudget/scan/scan" in result.stdout


def test_a_change_as_data(applied, on_cluster):
    wanted = plain(applied)
    wanted["spec"] = {**wanted["spec"], "image": "x:2"}
    result = on_cluster("diff", "-f", "-", "-o", "json", stdin=text(wanted))
    assert result.exit_code == 1
    (change,) = json.loads(result.stdout)
    assert (change["action"], change["kind"]) == ("update", "Deployment")
    assert change["fields"][0]["wanted"] == "x:2"


def test_a_domain_that_is_not_there_yet_is_all_new(make, on_cluster):
    result = on_cluster("diff", "-f", "-", stdin=text(plain(make.domain())))
    assert result.exit_code == 1
    assert result.stdout.count("--- /dev/null") == 4
    assert "ownerReferences" not in result.stdout


def test_children_that_are_not_wanted_any_more_go(applied, on_cluster):
    wanted = plain(applied)
    wanted["spec"] = {"image": "x:1", "workload": "worker"}
    result = on_cluster("diff", "-f", "-", stdin=text(wanted))
    assert result.exit_code == 1
    assert "--- live/Service/scan/scan\n+++ /dev/null\n" in result.stdout


def test_what_belongs_to_others_is_left_alone_and_told(api, make, on_cluster):
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "scan", "namespace": "scan", "uid": "u"},
        "spec": {},
    }
    api.add(make.domain(), foreign)
    result = on_cluster("diff", "-f", "-", stdin=text(plain(make.domain())))
    assert result.exit_code == 1
    assert "Service/scan" not in result.stdout
    assert "conflict: Service scan/scan exists and was not made by this operator" in result.stderr


def test_an_allocated_node_port_is_kept(applied, api, on_cluster):
    service = next(obj for path, obj in api.objects.items() if "/services/" in path)
    service["spec"]["ports"][0]["nodePort"] = 30001
    result = on_cluster("diff", "-f", "-", stdin=text(plain(applied)))
    assert (result.exit_code, result.stdout) == (0, "")


def test_a_suspended_domain_changes_nothing(applied, on_cluster):
    wanted = plain(applied)
    wanted["spec"] = {**wanted["spec"], "replicas": 3, "suspend": True}
    result = on_cluster("diff", "-f", "-", stdin=text(wanted))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "suspended; the operator changes nothing" in result.stderr


def test_who_may_not_list_everywhere_sees_his_namespaces(applied, api, on_cluster):
    api.forbid(ECO_DOMAIN)
    api.forbid(ECO_INGRESS)
    result = on_cluster("diff", "-f", "-", stdin=text(plain(applied)))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "note: you may not list ecodomains everywhere: only the namespaces of the files" in result.stderr


def test_faults_are_told_before_the_cluster_is_asked(api, on_cluster, make):
    result = on_cluster("diff", "-f", "-", stdin=text(plain(make.domain(port=0))))
    assert result.exit_code == 2
    assert result.stderr.startswith("stdin: EcoDomain scan/scan: spec.port: ")
    assert api.requests == []


def test_a_file_that_cannot_be_read(api, on_cluster):
    result = on_cluster("diff", "-f", "/nowhere.yaml")
    assert (result.exit_code, result.stderr) == (2, "/nowhere.yaml: No such file or directory\n")
    assert api.requests == []


def test_what_is_refused_is_noted(make, on_cluster):
    panel = plain(make.domain("panel", tier="observability"))
    caller = plain(make.domain(access={"outbound": [{"domain": "panel", "namespace": "scan"}]}))
    result = on_cluster("diff", "-f", "-", stdin=text(panel, caller))
    assert result.exit_code == 1
    assert result.stderr.startswith("note: stdin: EcoDomain scan/scan: ")


def test_the_node_port_of_a_foreign_service_is_not_taken_over(api, make, on_cluster):
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "scan",
            "namespace": "scan",
            "uid": "u",
            "ownerReferences": [{"apiVersion": "v1", "kind": "Thing", "name": "x", "uid": "x", "controller": True}],
        },
        "spec": {"ports": [{"port": 80, "targetPort": "http", "nodePort": 30001}]},
    }
    api.add(foreign)
    result = on_cluster("diff", "-f", "-", stdin=text(plain(make.domain())))
    assert "30001" not in result.stdout
    assert "belongs to Thing x: the operator will leave it alone" in result.stderr


def test_a_mesh_and_its_kinds_are_taken_into_account(applied, api, on_cluster):
    api.serve_everything()
    plain_namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "scan"}}
    api.add(plain_namespace)
    first = on_cluster("diff", "-f", "-", "-o", "json", stdin=text(plain(applied)))
    assert [(c["action"], c["kind"]) for c in json.loads(first.stdout)] == [("create", "ServiceMonitor")]
    plain_namespace["metadata"]["labels"] = {"istio-injection": "enabled"}
    second = on_cluster("diff", "-f", "-", "-o", "json", stdin=text(plain(applied)))
    made = [c["kind"] for c in json.loads(second.stdout) if c["action"] == "create"]
    assert made == ["AuthorizationPolicy", "PeerAuthentication", "ServiceMonitor"]


def test_who_may_not_read_namespaces_is_told(applied, api, on_cluster):
    api.answers[NAMESPACE.path("", "scan")] = (403, {"message": "no"})
    result = on_cluster("diff", "-f", "-", stdin=text(plain(applied)))
    assert result.exit_code == 0
    assert "note: you may not read namespaces: they are taken to be outside the mesh" in result.stderr


def test_hashes_of_secrets_are_the_operators_business(applied, api, on_cluster):
    """The command line has no key for them: a hash of what the pods read is kept, and one of anything else goes."""
    deployment = next(obj for path, obj in api.objects.items() if "/deployments/" in path)
    spec = {**applied["spec"], "envFrom": [{"secretRef": {"name": "db"}}]}
    deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"] = spec["envFrom"]
    annotations = {SECRETS_ANNOTATION: "db=abc"}
    deployment["spec"]["template"]["metadata"]["annotations"] = annotations
    wanted = {**plain(applied), "spec": spec}
    assert on_cluster("diff", "-f", "-", stdin=text(wanted)).exit_code == 0
    annotations[SECRETS_ANNOTATION] = "db=abc,gone=def"
    result = on_cluster("diff", "-f", "-", "-o", "json", stdin=text(wanted))
    ((field,),) = [change["fields"] for change in json.loads(result.stdout)]
    assert (field["live"], field["wanted"]) == ("db=abc,gone=def", "db=abc")


def test_a_migration_that_would_run_is_told(applied, api, on_cluster):
    wanted = plain(applied)
    wanted["spec"] = {**wanted["spec"], "migrations": {"command": ["alembic"]}}
    result = on_cluster("diff", "-f", "-", stdin=text(wanted))
    (line,) = [line for line in result.stderr.splitlines() if "migration" in line]
    assert line.endswith("would run before its pods change")


BINDING = {
    "apiVersion": "eco2.growbin.app/v1alpha1",
    "kind": "EcoSecretBinding",
    "metadata": {"name": "keys", "namespace": "scan"},
    "spec": {"secretStoreRef": {"name": "aws"}, "keys": [{"name": "A", "parameter": "/eco2/dev/scan/a"}]},
}


def test_the_external_secret_of_a_binding(api, on_cluster):
    assert on_cluster("diff", "-f", "-", stdin=text(BINDING)).exit_code == 0  # the operator itself reads SSM
    api.serve_everything()
    result = on_cluster("diff", "-f", "-", "-o", "json", stdin=text(BINDING))
    assert [(c["action"], c["kind"]) for c in json.loads(result.stdout)] == [("create", "ExternalSecret")]


@pytest.fixture
def shared(applied, api):
    """Children that others have written to."""

    def by(manager, fields, **more):
        return {"manager": manager, "operation": "Update", "fieldsV1": fields, **more}

    deployment = next(obj for path, obj in api.objects.items() if "/deployments/" in path)
    deployment["metadata"]["annotations"] = {"team": "waste", "deployment.kubernetes.io/revision": "1"}
    deployment["spec"]["template"]["spec"]["containers"].append({"name": "spy", "image": "spy:1"})
    deployment["metadata"]["managedFields"] = [
        {
            "manager": "eco2-operator",
            "operation": "Apply",
            "fieldsV1": {
                "f:spec": {
                    "f:replicas": {},
                    "f:template": {"f:spec": {"f:containers": {'k:{"name":"app"}': {"f:image": {}}}}},
                }
            },
        },
        by("kubectl-edit", {"f:metadata": {"f:annotations": {".": {}, "f:team": {}}}}),
        by("injector", {"f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"spy"}': {"f:image": {}}}}}}}),
        by("hpa", {"f:spec": {"f:replicas": {}}}, subresource="scale"),
        by(
            "kube-controller-manager",
            {"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}},
            subresource="status",
        ),
    ]
    return applied


def test_what_others_added_is_listed_and_counts_for_nothing(shared, on_cluster):
    result = on_cluster("diff", "-f", "-", "--foreign", stdin=text(plain(shared)))
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()[2:]]
    assert rows == [
        ["Deployment", "scan/scan", "metadata.annotations.team", "waste", "kubectl-edit"],
        ["Deployment", "scan/scan", "spec.template.spec.containers[name=spy]",
         '{"name":', '"spy",', '"image":', '"spy:1"}', "injector"],
    ]  # fmt: skip


def test_what_others_added_as_data(shared, on_cluster):
    result = on_cluster("diff", "-f", "-", "--foreign", "-o", "json", stdin=text(plain(shared)))
    data = json.loads(result.stdout)
    assert data["changes"] == []
    assert [(each["path"], each["manager"]) for each in data["foreign"]] == [
        ("metadata.annotations.team", "kubectl-edit"),
        ("spec.template.spec.containers[name=spy]", "injector"),
    ]


def test_without_files_it_is_about_the_domains_of_the_namespace(shared, on_cluster):
    result = on_cluster("diff", "--foreign", "-n", "scan", "-o", "json")
    assert result.exit_code == 0
    assert len(json.loads(result.stdout)["foreign"]) == 2
    nothing = on_cluster("diff", "--foreign")
    assert (nothing.exit_code, nothing.stdout, nothing.stderr) == (0, "", "nobody has added anything\n")


def test_files_are_needed_otherwise(on_cluster):
    result = on_cluster("diff")
    assert result.exit_code == 2
    assert "Missing option '-f'" in result.stderr
