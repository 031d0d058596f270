"""The API server and the models judge the same objects, and agree; the API server's words are the ones we wrote."""

import copy
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from eco2_operator import crds
from eco2_operator.errors import InvalidSpec
from eco2_operator.model.base import VALIDATIONS
from eco2_operator.model.resource import parse
from eco2_operator.naming import API_VERSION, GROUP, SUSPEND_ANNOTATION, VERSION

pytestmark = pytest.mark.cluster

CASES = [
    pytest.param(case, id=f"{file.stem}: {case['description']}")
    for file in sorted((Path(__file__).parents[1] / "golden" / "admission").glob("*.yaml"))
    for case in yaml.safe_load_all(file.read_text(encoding="utf-8"))
]
PATTERN = re.compile(r'matches\(r"(.+?)"\)')
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
EXAMPLES = 100
LARGEST_REQUEST = 900_000
"""Bytes. etcd takes 1.5 MiB; when all lists are full, managedFields are more than half as large as the spec."""


@dataclass
class Server:
    """The API server as a judge."""

    objects: client.CustomObjectsApi
    namespace: str

    def _where(self, kind: str) -> dict[str, str]:
        plural = crds.KINDS[kind].plural
        return {"group": GROUP, "version": VERSION, "namespace": self.namespace, "plural": plural}

    def create(self, obj: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        arguments = {"dry_run": "All"} if dry_run else {}
        created: dict[str, Any] = self.objects.create_namespaced_custom_object(
            **self._where(obj["kind"]), body=obj, field_validation="Strict", **arguments
        )
        return created

    def replace(self, obj: dict[str, Any]) -> None:
        where = {**self._where(obj["kind"]), "name": obj["metadata"]["name"]}
        while True:
            live = self.objects.get_namespaced_custom_object(**where)
            obj["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
            try:
                self.objects.replace_namespaced_custom_object(
                    **where, body=obj, field_validation="Strict", dry_run="All"
                )
            except ApiException as error:
                if error.status != 409:
                    raise
            else:
                return

    def delete(self, obj: dict[str, Any]) -> None:
        self.objects.delete_namespaced_custom_object(**self._where(obj["kind"]), name=obj["metadata"]["name"])

    def refusal(self, action: Callable[[], Any]) -> str | None:
        """What the API server says against it; None when it accepts."""
        try:
            action()
        except ApiException as error:
            if error.status not in (400, 422):
                raise
            return str(json.loads(error.body)["message"])
        return None


@pytest.fixture(scope="module")
def server(cluster: Any) -> Iterator[Server]:
    api = config.new_client_from_config(str(cluster.kubeconfig))
    definitions = client.ApiextensionsV1Api(api)
    for crd in crds.all_crds():
        with suppress(ApiException):
            definitions.create_custom_resource_definition(crd)
        definitions.patch_custom_resource_definition(crd["metadata"]["name"], crd)
    core = client.CoreV1Api(api)
    namespace = core.create_namespace({"metadata": {"generateName": "admission-"}}).metadata.name
    server = Server(client.CustomObjectsApi(api), namespace)
    for kind in crds.KINDS:
        _wait_until_served(server, kind)
    yield server
    core.delete_namespace(namespace)
    api.close()


def _wait_until_served(server: Server, kind: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            server.objects.list_namespaced_custom_object(**server._where(kind))
        except ApiException as error:
            if error.status != 404 or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return


def manifest(kind: str, spec: Any, name: str = "sample") -> dict[str, Any]:
    """A resource that an operator which may be running leaves alone."""
    metadata = {"name": name, "annotations": {SUSPEND_ANNOTATION: "true"}}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": copy.deepcopy(spec)}


def fault(obj: dict[str, Any]) -> str | None:
    """What the models say against it; None when they accept."""
    try:
        parse(obj, crds.KINDS[obj["kind"]].spec)
    except InvalidSpec as error:
        return str(error)
    return None


def expect(said: str | None, case: dict[str, Any], key: str) -> None:
    if case.get("accepted"):
        assert said is None
    else:
        assert said is not None
        assert case.get(key, case["error"]) in said


@pytest.mark.parametrize("case", CASES)
def test_the_api_server_and_the_models_agree(server: Server, case: dict[str, Any]) -> None:
    obj = manifest(case["kind"], case["spec"], case.get("name", "sample"))
    if "before" not in case:
        expect(server.refusal(lambda: server.create(obj, dry_run=True)), case, "error")
        expect(fault(obj), case, "offline")
        return
    server.create(manifest(case["kind"], case["before"], obj["metadata"]["name"]), dry_run=False)
    try:
        expect(server.refusal(lambda: server.replace(obj)), case, "error")
        assert fault(obj) is None  # only the API server knows what was before
    finally:
        server.delete(obj)


@pytest.mark.parametrize("kind", crds.KINDS)
def test_what_the_api_server_fills_in_is_what_the_models_fill_in(server: Server, kind: str) -> None:
    for param in CASES:
        (case,) = param.values
        if case["kind"] == kind and case.get("accepted") and "before" not in case:
            obj = manifest(kind, case["spec"], case.get("name", "sample"))
            spec_type = crds.KINDS[kind].spec
            assert parse(server.create(obj, dry_run=True), spec_type).spec == parse(obj, spec_type).spec


# The largest object: every list and map is full, every string as long as still fits into a request.

ONE_OF = {
    "env": [{"name", "value"}, {"name", "valueFrom"}],
    "valueFrom": [{"secretKeyRef"}, {"configMapKeyRef"}, {"fieldRef"}, {"resourceFieldRef"}],
    "envFrom": [{"prefix", "secretRef"}, {"prefix", "configMapRef"}],
    "files": [{"configMap", "mountPath"}, {"secret", "mountPath"}],
    "outbound": [{"domain", "namespace"}, {"data"}, {"external"}, {"cidr", "port"}],
    "pdb": [{"minAvailable"}],
    "routes": [
        {"path", "domain", "public", "port", "rewrite", "timeout", "retries"},
        {"path", "service", "public", "rewrite", "timeout", "retries"},
    ],
    "placement": [{"nodeSelector", "tolerations", "spread"}],
}
"""What excludes each other, by the name of the property: taken in turn."""
WITHOUT = {"EcoDomain": {"replicas", "port", "nodePort"}, "EcoIngress": {"alb"}, "EcoSecretBinding": set()}
FIXED: dict[str, Any] = {
    "volumeMounts.name": "tmp",
    "health.kind": "exec",
    "health.port": "http",
    "metrics.port": "http",
    "secrets.as": "files",
    "tolerations.operator": "Equal",
    "tolerations.effect": "NoExecute",
    "routes.deny": False,
    "fieldRef.fieldPath": "metadata.annotations['example.org/a-rather-long-key']",
    "resourceFieldRef.resource": "requests.ephemeral-storage",
    "outbound.cidr": "2001:db8:1111:2222:3333:4444:5555:6666/128",
    "image": "registry.example.org:5000/eco2/character:1.0@sha256:" + 64 * "f",
    "tolerations.key": "a-rather-long-prefix.example.org/" + 63 * "k",
    "jwt.jwksUri": "https://auth.example.org/.well-known/jwks.json",
    "spec.region": "ap-northeast-2",
}


class Largest:
    """Fills a schema. Strings are distinct and have ``length`` characters where the schema allows."""

    def __init__(self, length: int, entries: int) -> None:
        self.length = length
        self.entries = entries
        self.count = 0

    def fill(self, schema: dict[str, Any], path: tuple[str, ...], index: int = 0) -> Any:
        name = path[-1]
        fixed = FIXED.get(".".join(path[-2:]), FIXED.get(name))
        if fixed is not None:
            return fixed
        if schema.get("x-kubernetes-int-or-string"):
            return "100%" if schema["maxLength"] == 4 else "1.5Gi"
        if "enum" in schema:
            return schema["enum"][index % len(schema["enum"])]
        match schema["type"]:
            case "object" if "properties" in schema:
                return self.object(schema, path, index)
            case "object":
                return {
                    key: "2" if "/" in key and name == "limits" else self.fill(schema["additionalProperties"], path)
                    for key in self.keys(name, min(schema["maxProperties"], self.entries))
                }
            case "array":
                count = min(schema["maxItems"], self.entries)
                enum = schema["items"].get("enum")
                items = range(min(count, len(enum)) if enum else count)
                return [self.fill(schema["items"], path, item) for item in items]
            case "integer":
                return self.number(name, schema, index)
            case "boolean":
                return True
        return self.text(schema, path, index)

    def object(self, schema: dict[str, Any], path: tuple[str, ...], index: int) -> dict[str, Any]:
        wanted = set(schema["properties"]) - (WITHOUT[path[0]] if len(path) == 2 else set())
        if path[-1] in ONE_OF:
            wanted = ONE_OF[path[-1]][index % len(ONE_OF[path[-1]])]
        return {
            name: self.fill(child, (*path, name), index)
            for name, child in schema["properties"].items()
            if name in wanted
        }

    def keys(self, name: str, count: int) -> list[str]:
        if name in ("requests", "limits"):
            return ["cpu", "memory", "ephemeral-storage", *(f"example.org/r{n}" for n in range(5))][:count]
        return [f"{'a' * min(self.length, 63)}.example.org/{n:063}" for n in range(count)]

    def number(self, name: str, schema: dict[str, Any], index: int) -> int:
        match name:
            case "nodePort":
                return 30000 + index
            case "port" | "servicePort" | "containerPort":
                return 60000 + index
        return int(schema["maximum"])

    def text(self, schema: dict[str, Any], path: tuple[str, ...], index: int) -> str:
        if path[-2:] == ("ports", "name"):
            return "http" if index == 0 else f"port-{index}"
        self.count += 1
        longest = min(schema["maxLength"], max(self.length, 15))
        start, end = f"n{self.count}", ""
        rules = str(schema.get("x-kubernetes-validations", ""))
        if (
            "absolute path" in rules
            or "that starts with /" in rules
            or "must start with /" in rules
            or "its root" in rules
        ):
            start = f"/{start}"
        elif "an origin" in rules:
            start = f"https://{start}"
        elif "host name" in rules:
            end = ".o"
            return start + ".n" * ((longest - len(start) - len(end)) // 2) + end
        elif "duration" in rules:
            return "99h99m99s99ms"
        elif "ARN" in rules:
            start = "arn:aws:acm:ap-northeast-2:123456789012:certificate/" + start
        elif not rules:
            return (start + "한" * longest)[:longest]
        return (start + "n" * longest)[: longest - len(end)] + end


def largest(kind: str, entries: int) -> dict[str, Any]:
    """The object with as many entries and as long strings as one request may carry."""
    schema = crds.structural(crds.KINDS[kind].spec)
    best: dict[str, Any] = {}
    for length in (16 * 5**step // 4**step for step in range(30)):
        obj = manifest(kind, Largest(length, entries).fill(schema, (kind, "spec")))
        if len(json.dumps(obj, ensure_ascii=False).encode()) > LARGEST_REQUEST:
            break
        best = obj
    return best


@pytest.mark.parametrize("kind", crds.KINDS)
@pytest.mark.parametrize("entries", [1, 8, 1000], ids=["long texts", "some of both", "full lists"])
def test_the_largest_object_is_within_the_cost_budget(server: Server, kind: str, entries: int) -> None:
    obj = largest(kind, entries)
    assert fault(obj) is None
    assert server.refusal(lambda: server.create(obj, dry_run=True)) is None
    assert server.refusal(lambda: server.create(obj, dry_run=False)) is None
    server.delete(obj)


# Random objects


START: dict[str, dict[str, Any]] = {
    "EcoDomain": {"image": "eco2", "port": 8000},
    "EcoIngress": {"hosts": ["a.b"], "routes": [{"path": "/", "domain": {"name": "a"}}]},
    "EcoSecretBinding": {"keys": [{"name": "A", "parameter": "/a"}]},
    "routes": {"domain": {"name": "a"}},
    "outbound": {"data": "redis"},
    "files": {"secret": "a"},
    "pdb": {"maxUnavailable": 1},
}
"""Random fields are added to something valid, or hardly any object would be."""


def values(schema: dict[str, Any], name: str) -> st.SearchStrategy[Any]:
    """Values of this schema, mostly: rules over several fields may be broken, bounds sometimes are by one."""
    patterns = [found for rule in schema.get(VALIDATIONS, ()) for found in PATTERN.findall(rule["rule"])]
    if schema.get("x-kubernetes-int-or-string"):
        return st.integers(-1, 101) | st.from_regex(patterns[0], fullmatch=True)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"]:
        case "object" if "properties" in schema:
            return objects(schema, name)
        case "object":
            keys = st.sampled_from(["a", "example.org/a", "cpu", "memory"]) | st.sampled_from(["domain", "-"])
            return st.dictionaries(keys, values(schema["additionalProperties"], name), max_size=2)
        case "array":
            return st.lists(values(schema["items"], name), min_size=schema.get("minItems", 0), max_size=3)
        case "integer":
            low, high = schema["minimum"], schema["maximum"]
            return st.sampled_from([low, low + 1, low + 2, high, low, low + 1, low - 1, high + 1])
        case "boolean":
            return st.booleans()
    good = st.from_regex(patterns[0], fullmatch=True) if patterns else TEXTS
    return st.one_of(good, good, good, good, TEXTS)


@st.composite
def objects(draw: st.DrawFn, schema: dict[str, Any], name: str) -> dict[str, Any]:
    start = START.get(name, {})
    required = [field for field in schema.get("required", []) if field not in start]
    optional = [field for field in schema["properties"] if field not in required]
    chosen = draw(st.lists(st.sampled_from(optional), max_size=3, unique=True)) if optional else []
    drawn = {field: draw(values(schema["properties"][field], field)) for field in (*required, *chosen)}
    return {**start, **drawn}


@pytest.mark.parametrize("kind", crds.KINDS)
def test_random_objects_are_judged_alike(server: Server, kind: str) -> None:
    accepted = 0

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(values(crds.structural(crds.KINDS[kind].spec), kind))
    def judge(spec: dict[str, Any]) -> None:
        nonlocal accepted
        obj = manifest(kind, spec)
        said = server.refusal(lambda: server.create(obj, dry_run=True))
        assert (fault(obj) is None) == (said is None), f"models: {fault(obj)}; API server: {said}"
        accepted += said is None

    judge()
    assert accepted > EXAMPLES // 20, "too few of the objects were valid to learn anything"
