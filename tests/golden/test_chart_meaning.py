"""What the charts say means something to those they say it to: programs, Prometheus, Grafana, NetworkPolicies."""

import json
import re
from typing import Any

import promql_parser
import pytest
import yaml
from golden.test_chart_golden import FOLDER, rendered
from pydantic.alias_generators import to_camel
from support import charts
from support.api import Object
from support.charts import AUTHZ, CHARTS, OPERATOR

import eco2_authz.settings
import eco2_operator.settings
from eco2_operator import metrics
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import parse

MIB = 2**20
PROCESS_MIB, BYTES_PER_REVOCATION = 80, 250
"""What docs/ext-authz.md says."""
KEYS = {"settings": {"redisUrl": "redis://redis:6379/0", "jwksUrl": "http://auth/jwks"}}
OPERATOR_SETTINGS: dict[str, Any] = {
    "namespaces": ["shop"],
    "clusterCidrs": ["10.0.0.0/8", "fd00::/8"],
    "storePorts": {"postgres": [5432]},
    "dnsNamespace": "dns",
    "dnsLabels": {"app": "dns"},
    "gatewayNamespace": "gateway",
    "gatewayLabels": {"a": "b"},
    "gatewayPrincipal": "cluster.local/ns/gateway/sa/gateway",
    "istiodNamespace": "istio",
    "trustDomain": "example",
    "prometheusNamespace": "monitoring",
    "entranceNamespaces": ["gateway"],
    "gatewayService": "gateway",
    "gatewayTrustedHops": 2,
    "hostClaims": {"": ["a"], ".example.com": ["b", "c"]},
    "albSourceCidrs": ["192.0.2.0/24"],
    "leaseName": "mine",
    "leaseDurationSeconds": 30,
    "leaseDeadlineSeconds": 20.5,
    "leaseRetrySeconds": 5,
    "environment": "prod",
    "ssmPrefixes": {"shop": ["/shop/"]},
    "awsRegion": "ap-northeast-2",
    "rotationWindowSeconds": 0,
    "resyncSeconds": 2_000_000,
    "concurrency": 256,
    "backoffSeconds": 0.25,
    "backoffMaxSeconds": 120,
    "requestTimeoutSeconds": 10,
    "logLevel": "DEBUG",
    "logFormat": "console",
}
"""Every setting with a value that is not its default."""


def schema(chart: str) -> Any:
    return json.loads((CHARTS / chart / "values.schema.json").read_text())


def environment(chart: str, values: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables of the chart's container, without what refers to others."""
    for name, value in charts.variables(charts.one(charts.render(chart, values), "Deployment")).items():
        if not value.startswith(('{"fieldRef"', '{"secretKeyRef"')):
            monkeypatch.setenv(name, value)


# -- the programs ----------------------------------------------------------------------------------------------------


def test_every_setting_of_the_operator_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    assert schema(OPERATOR)["properties"]["settings"]["properties"].keys() == OPERATOR_SETTINGS.keys()
    environment(OPERATOR, {"settings": OPERATOR_SETTINGS}, monkeypatch)
    found = eco2_operator.settings.Settings()
    defaults = {name: field.default for name, field in eco2_operator.settings.Settings.model_fields.items()}
    for name, default in defaults.items():
        if to_camel(name) in OPERATOR_SETTINGS:
            assert json.loads(json.dumps(getattr(found, name))) == OPERATOR_SETTINGS[to_camel(name)]
            assert getattr(found, name) != default
    assert (found.http_address, found.hash_key_secret) == ("0.0.0.0:8080", "eco2-operator-hash-key")


def test_settings_that_are_not_set_are_left_to_the_operator() -> None:
    given = charts.variables(charts.one(list(rendered(FOLDER / "operator-defaults.yaml")), "Deployment"))
    assert given.keys() == {"ECO2_HTTP_ADDRESS", "ECO2_LEASE_NAME", "ECO2_LEASE_NAMESPACE", "ECO2_HASH_KEY_SECRET"}
    assert "metadata.namespace" in given["ECO2_LEASE_NAMESPACE"]


def test_two_releases_in_a_namespace_do_not_share_what_is_each_ones_own() -> None:
    one, two = (charts.render(OPERATOR, {"crds": {"enabled": False}}, release=name) for name in ("blue", "green"))
    shared = {(obj["kind"], *charts.place(obj)) for obj in one} & {(obj["kind"], *charts.place(obj)) for obj in two}
    assert shared == {("ClusterRole", "", "eco2-editor"), ("ClusterRole", "", "eco2-viewer")}
    mine, other = (charts.variables(charts.one(objects, "Deployment")) for objects in (one, two))
    assert mine["ECO2_LEASE_NAME"] != other["ECO2_LEASE_NAME"]


def test_every_setting_of_ext_authz_has_a_value_or_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {
        "redisUrl": "rediss://redis:6380/1",
        "jwksUrl": "https://auth/jwks",
        "authzWorkers": 3,
        "authzMirrorEntries": 4_000_000,
        "authzDecisionLog": False,
        "authzDrainSeconds": 7.5,
        "jwtCookie": "",
    }
    environment(AUTHZ, {"settings": wanted}, monkeypatch)
    found = eco2_authz.settings.load()
    assert (found.authz_workers, found.authz_mirror_entries, found.authz_decision_log) == (3, 4_000_000, False)
    assert (found.authz_drain_seconds, found.jwt_cookie) == (7.5, "")
    assert found.redis_url.get_secret_value() == "rediss://redis:6380/1"
    known = schema(AUTHZ)["properties"]
    names = {to_camel(name) for name in eco2_authz.settings.Settings.model_fields}
    own = {"authzGrpcAddr", "authzHttpAddr"}
    assert known["settings"]["properties"].keys() | known["secrets"]["properties"].keys() | own == names


def test_what_may_grow_in_ext_authz_fits_into_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    environment(AUTHZ, KEYS, monkeypatch)
    found = eco2_authz.settings.load()
    (container,) = charts.one(charts.render(AUTHZ, KEYS), "Deployment")["spec"]["template"]["spec"]["containers"]
    most = PROCESS_MIB * MIB + found.authz_token_cache_bytes + found.authz_mirror_entries * BYTES_PER_REVOCATION
    assert most <= int(container["resources"]["limits"]["memory"].removesuffix("Mi")) * MIB


def test_ext_authz_has_what_its_manifests_have() -> None:
    """The same hardening and the same probes as authz/deploy/kubernetes; where it runs is for the values to say."""
    shipped = (CHARTS.parent / "authz" / "deploy" / "kubernetes" / "deployment.yaml").read_text()
    ours, theirs = charts.one(charts.render(AUTHZ, KEYS), "Deployment")["spec"], yaml.safe_load(shipped)["spec"]
    pod, other = ours["template"]["spec"], theirs["template"]["spec"]
    assert (ours["strategy"], ours["revisionHistoryLimit"]) == (theirs["strategy"], theirs["revisionHistoryLimit"])
    for field in (
        "securityContext",
        "automountServiceAccountToken",
        "enableServiceLinks",
        "terminationGracePeriodSeconds",
    ):
        assert pod[field] == other[field]
    (container,), (wanted,) = pod["containers"], other["containers"]
    for field in (
        "ports",
        "resources",
        "startupProbe",
        "livenessProbe",
        "readinessProbe",
        "lifecycle",
        "securityContext",
    ):
        assert container[field] == wanted[field], field


def test_policies_are_about_what_the_settings_are_about() -> None:
    defaults = eco2_operator.settings.Settings.model_fields
    text = str(charts.one(list(rendered(FOLDER / "operator-defaults.yaml")), "NetworkPolicy", OPERATOR)["spec"])
    for name in ("dns_namespace", "prometheus_namespace", "dns_labels"):
        assert repr(defaults[name].default) in text
    text = str(
        charts.one(list(rendered(FOLDER / "operator-everything.yaml")), "NetworkPolicy", "platform-operator")["spec"]
    )
    assert "'dns'" in text
    assert "'monitoring'" in text


# -- people ----------------------------------------------------------------------------------------------------------


def notes(chart: str, values: dict[str, Any], release: str) -> str:
    """What helm prints after an installation."""
    words = ("install", release, str(CHARTS / chart), "--dry-run=client", "--namespace=platform-system", "--values=-")
    return charts.offline().run(*words, stdin=json.dumps(values)).partition("NOTES:\n")[2]


def test_the_notes_of_the_operator_say_what_to_do_next() -> None:
    said = notes(OPERATOR, {}, OPERATOR)
    assert "it looks after all namespaces" in said
    assert "helm -n platform-system test eco2-operator" in said
    (domain,) = re.findall(r"<<EOF\n(.*?)EOF", said, re.DOTALL)
    parsed = parse(yaml.safe_load(domain), EcoDomainSpec)
    assert parsed.spec.image
    assert "nobody takes over" not in said
    small = notes(OPERATOR, {"replicas": 1, "crds": {"enabled": False}, "settings": {"namespaces": ["a", "b"]}}, "x")
    assert "the namespaces a, b" in small
    assert "With 1 replica nobody takes over" in small
    assert "eco2-operator-crds" in small


def test_the_notes_of_ext_authz_are_the_mesh_configuration_that_is_shipped() -> None:
    said = notes(AUTHZ, KEYS, "ext-authz")
    shipped = yaml.safe_load((CHARTS.parent / "authz" / "deploy" / "istio" / "mesh-config.yaml").read_text())
    assert yaml.safe_load("  meshConfig" + said.partition("  meshConfig")[2].partition("\n\n")[0]) == shipped
    assert "every request passes" not in said
    more = {"settings": {**KEYS["settings"], "authzWorkers": 2, "authzDryRun": True}}
    assert "Each worker has a port of its own, up to 9002" in notes(AUTHZ, more, "ext-authz")
    assert "every request passes" in notes(AUTHZ, more, "ext-authz")


# -- Prometheus and Grafana ------------------------------------------------------------------------------------------


def alerts() -> list[Object]:
    (group,) = charts.one(list(rendered(FOLDER / "operator-alerts.yaml")), "PrometheusRule")["spec"]["groups"]
    return list(group["rules"])


def panels() -> list[tuple[str, str]]:
    dashboard = json.loads((CHARTS / OPERATOR / "files" / "dashboards" / "eco2-operator.json").read_text())
    return [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel["targets"]]


def plain(expression: str) -> str:
    """Without Grafana's variables."""
    return re.sub(r"\[\$__\w+\]", "[5m]", expression).replace("$namespace", "n").replace("$job", "j")


EXPRESSIONS = [*((rule["alert"], rule["expr"]) for rule in alerts()), *panels()]


@pytest.mark.parametrize(("title", "expression"), EXPRESSIONS)
def test_an_expression_is_promql_about_metrics_and_labels_there_are(title: str, expression: str) -> None:
    promql_parser.parse(plain(expression))
    known = {sample for metric in metrics.REGISTRY.collect() for sample in samples(metric)} | {"up"}
    used = set(re.findall(r"\b(eco2_\w+|up)\{", expression))
    assert used, title
    assert used <= known
    labels = {"namespace", "job", "le"} | {
        label for name in used for label in getattr(metrics.REGISTRY._names_to_collectors.get(name), "_labelnames", ())
    }
    named = {name for group in re.findall(r"\{([^}]*)\}", expression) for name in re.findall(r"(\w+)=", group)}
    grouped = {name.strip() for group in re.findall(r"by \(([^)]*)\)", expression) for name in group.split(",")}
    assert named | grouped <= labels


def samples(metric: Any) -> set[str]:
    """The names a metric is scraped by."""
    ends = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(metric.type, ("",))
    return {f"{metric.name}{end}" for end in ends}


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: Object) -> None:
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    assert "kubectl" in rule["annotations"]["runbook"] or "dashboard" in rule["annotations"]["runbook"]


def test_an_alert_is_left_out_by_name_and_has_the_labels_it_was_given() -> None:
    found = charts.one(list(rendered(FOLDER / "operator-everything.yaml")), "PrometheusRule")["spec"]["groups"][0][
        "rules"
    ]
    every = {rule["alert"] for rule in alerts()}
    assert every - {rule["alert"] for rule in found} == {"Eco2DriftRepairs", "Eco2SlowToReady"}
    assert {rule["labels"]["team"] for rule in found} == {"platform"}
    stuck = next(rule for rule in found if rule["alert"] == "Eco2QueueStuck")
    assert stuck["expr"].endswith("> 30")


def test_nobody_acts_is_said_after_three_resyncs_and_not_before_some_scrapes() -> None:
    for seconds, window in ((1200, 3600), (0.5, 600)):
        values = {"prometheusRule": {"enabled": True}, "settings": {"resyncSeconds": seconds}}
        (group,) = charts.one(charts.render(OPERATOR, values), "PrometheusRule")["spec"]["groups"]
        (idle,) = [rule for rule in group["rules"] if rule["alert"] == "Eco2OperatorIdle"]
        assert f"[{window}s]" in idle["expr"]
        assert idle["for"] == f"{window}s"


def test_the_job_of_alerts_is_the_service_that_is_scraped() -> None:
    """Prometheus's operator names a job after the Service."""
    service = charts.one(list(rendered(FOLDER / "operator-alerts.yaml")), "Service")
    assert all(f'job="{service["metadata"]["name"]}"' in rule["expr"] for rule in alerts())
