"""One EcoDomain in a line."""

from datetime import UTC, datetime

import pytest

from eco2_operator.cli.status.summary import age, pods_of, simulated_names, summarize


def summary(domain, pods=(), simulated=()):
    return summarize(domain, pods, frozenset(simulated))


def test_a_ready_domain(make):
    status = make.status(readyReplicas=2, replicas=2, nodePort=31667, image="x@sha256:1")
    found = summary(make.domain(replicas=2, status=status))
    assert found.is_ready
    assert (found.replicas_ready, found.replicas_wanted, found.node_port) == (2, 2, 31667)
    assert found.image == "x@sha256:1"


def test_without_a_status_nobody_knows(make):
    found = summary(make.domain())
    assert (found.ready, found.reason) == ("Unknown", "NotObserved")
    assert found.image == "docker.io/mng990/eco2:scan-1"
    assert found.replicas_wanted == 1


def test_a_status_of_an_older_spec_says_nothing_about_this_one(make):
    domain = make.domain(status=make.status())
    domain["metadata"]["generation"] = 2
    found = summary(domain)
    assert (found.ready, found.reason) == ("Unknown", "NotObserved")
    assert "generation 1 of 2" in found.message


@pytest.mark.parametrize(
    ("spec", "replicas", "wanted"),
    [
        ({"replicas": 0}, None, 0),
        ({"replicas": 3}, 2, 3),
        ({"autoscaling": {"minReplicas": 2, "maxReplicas": 6}}, None, 2),
        ({"autoscaling": {"minReplicas": 2, "maxReplicas": 6}}, 5, 5),
        ({"autoscaling": {"maxReplicas": 6}}, None, 1),
    ],
)
def test_how_many_replicas_are_wanted(make, spec, replicas, wanted):
    assert summary(make.domain(status=make.status(replicas=replicas), **spec)).replicas_wanted == wanted


@pytest.mark.parametrize(
    ("nodes", "mark"),
    [([], ""), (["fake"], "simulated"), (["real"], "real"), (["real", "fake"], "mixed"), ([""], "")],
)
def test_simulated_pods_are_marked(make, nodes, mark):
    pods = [make.pod(f"p{n}", node=name) for n, name in enumerate(nodes)]
    assert summary(make.domain(), pods, ["fake"]).pods == mark


def test_only_annotated_nodes_simulate(make):
    assert simulated_names([make.node("a", simulated=True), make.node("b")]) == {"a"}


def test_pods_are_found_by_the_labels_of_the_service(make):
    mine = make.pod("a", domain="scan")
    pods = [mine, make.pod("b", namespace="other"), make.pod("c", domain="chat")]
    assert pods_of(make.domain(), pods) == [mine]
    labelled = make.pod("d")
    labelled["metadata"]["labels"]["domain"] = "waste"
    assert pods_of(make.domain(domain="waste"), [*pods, labelled]) == [labelled]


def test_the_data_form_names_everything(make):
    data = summary(make.domain(status=make.status(readyReplicas=1))).as_data()
    assert list(data) == [
        "kind", "namespace", "name", "ready", "reason", "message", "replicas", "nodePort", "image", "createdAt", "pods",
    ]  # fmt: skip
    assert data["replicas"] == {"ready": 1, "wanted": 1}
    assert data["pods"] is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"), (0, "0s"), (119, "119s"), (120, "2m"), (125, "2m5s"), (600, "10m"), (10799, "179m"),
        (10800, "3h"), (11000, "3h3m"), (86400, "24h"), (172800, "2d"), (8640000, "100d"),
    ],
)  # fmt: skip
def test_ages_read_as_kubectl_writes_them(seconds, text):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    created = datetime.fromtimestamp(now.timestamp() - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert age(created, now) == text


def test_what_was_never_created_has_no_age():
    assert age("", datetime.now(UTC)) == ""
