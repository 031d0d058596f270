"""The settings, from the environment alone."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from eco2_operator.errors import SettingsError
from eco2_operator.settings import Settings, describe, load

GIVEN: dict[str, tuple[str, Any]] = {
    "namespaces": ('["shop", "talk"]', ("shop", "talk")),
    "cluster_cidrs": ('["10.1.2.3/8", "fd00::1/8"]', ("10.0.0.0/8", "fd00::/8")),
    "store_ports": ('{"mysql": [3306, 33060]}', {"mysql": (3306, 33060)}),
    "dns_namespace": ("dns", "dns"),
    "dns_labels": ('{"app": "dns"}', {"app": "dns"}),
    "gateway_namespace": ("gate", "gate"),
    "gateway_labels": ('{"app": "gate"}', {"app": "gate"}),
    "gateway_principal": ("a.b/ns/gate/sa/gate", "a.b/ns/gate/sa/gate"),
    "istiod_namespace": ("mesh", "mesh"),
    "trust_domain": ("a.b", "a.b"),
    "lease_name": ("one", "one"),
    "lease_namespace": ("platform", "platform"),
    "lease_duration_seconds": ("30", 30.0),
    "lease_deadline_seconds": ("12", 12.0),
    "lease_retry_seconds": ("1", 1.0),
    "environment": ("prod", "prod"),
    "ssm_prefixes": ('{"scan": ["/a/"]}', {"scan": ("/a/",)}),
    "aws_region": ("eu-west-1", "eu-west-1"),
    "hash_key": ("k", SecretStr("k")),
    "hash_key_secret": ("hash-key", "hash-key"),
    "rotation_window_seconds": ("0", 0.0),
    "prometheus_namespace": ("metrics", "metrics"),
    "entrance_namespaces": ("[]", ()),
    "gateway_service": ("gate", "gate"),
    "gateway_trusted_hops": ("2", 2),
    "host_claims": ('{"example.org": ["web"]}', {"example.org": ("web",)}),
    "alb_source_cidrs": ('["10.9.0.0/16"]', ("10.9.0.0/16",)),
    "resync_seconds": ("30.5", 30.5),
    "concurrency": ("256", 256),
    "backoff_seconds": ("0.25", 0.25),
    "backoff_max_seconds": ("5", 5.0),
    "request_timeout_seconds": ("3", 3.0),
    "http_address": ("[::]:8080", "[::]:8080"),
    "log_level": ("DEBUG", "DEBUG"),
    "log_format": ("console", "console"),
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ECO2_{name.upper()}", raising=False)
    load.cache_clear()
    yield
    load.cache_clear()


def test_without_variables_the_defaults_hold() -> None:
    assert load() == Settings.model_construct()


@pytest.mark.parametrize("name", list(Settings.model_fields))
def test_every_setting_is_read_from_its_variable(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, value = GIVEN[name]
    monkeypatch.setenv(f"ECO2_{name.upper()}", text)
    assert getattr(load(), name) == value
    assert getattr(load(), name) != Settings.model_fields[name].default


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cluster_cidrs", '["10.0.0.0/99"]'),
        ("cluster_cidrs", '"10.0.0.0/8"'),
        ("namespaces", "shop,talk"),
        ("store_ports", '{"mysql": "many"}'),
        ("resync_seconds", "0"),
        ("resync_seconds", "nan"),
        ("resync_seconds", "ten"),
        ("concurrency", "0"),
        ("concurrency", "257"),
        ("concurrency", "1.5"),
        ("backoff_seconds", "-1"),
        ("backoff_max_seconds", "0"),
        ("request_timeout_seconds", "0"),
        ("http_address", "8080"),
        ("http_address", "localhost:http"),
        ("http_address", ":99999"),
        ("log_level", "LOUD"),
        ("log_format", "xml"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(name: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"ECO2_{name.upper()}", text)
    with pytest.raises(SettingsError, match=rf"(?i)ECO2_.*{name}"):
        load()


def test_every_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECO2_CONCURRENCY", "0")
    monkeypatch.setenv("ECO2_RESYNC_SECONDS", "ten")
    with pytest.raises(SettingsError) as caught:
        load()
    assert "ECO2_CONCURRENCY: " in str(caught.value)
    assert "ECO2_RESYNC_SECONDS: " in str(caught.value)


def test_variables_of_others_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECO2_SOMETHING_ELSE", "x")
    assert load() == Settings.model_construct()


def test_the_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first = load()
    monkeypatch.setenv("ECO2_CONCURRENCY", "3")
    assert load() is first


def test_the_builders_see_the_cluster_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (text, _) in GIVEN.items():
        monkeypatch.setenv(f"ECO2_{name.upper()}", text)
    cluster = load().cluster
    assert (cluster.dns.namespace, cluster.dns.labels) == ("dns", {"app": "dns"})
    assert (cluster.gateway.namespace, cluster.gateway.labels) == ("gate", {"app": "gate"})
    for name in ("cluster_cidrs", "store_ports", "prometheus_namespace", "entrance_namespaces", "alb_source_cidrs"):
        assert getattr(cluster, name) == GIVEN[name][1]


def test_the_reference_page_has_every_setting_with_its_default_and_meaning() -> None:
    rows = describe()
    assert [name for name, _, _ in rows] == [f"ECO2_{name.upper()}" for name in Settings.model_fields]
    assert all(meaning.endswith(".") for _, _, meaning in rows)
    assert ("ECO2_CONCURRENCY", 16, "Resources reconciled at the same time.") in rows


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().concurrency = 3
