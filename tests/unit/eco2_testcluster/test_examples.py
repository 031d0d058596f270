from __future__ import annotations

from pathlib import Path

import pytest

from eco2_testcluster.errors import ClusterError
from eco2_testcluster.examples import load_examples

DOMAIN = """
apiVersion: eco2.growbin.app/v1alpha1
kind: EcoDomain
metadata: {{name: {name}, namespace: {name}}}
spec: {{placement: {placement}}}
"""


def test_namespaces_are_apart_and_nodes_are_named(tmp_path: Path) -> None:
    (tmp_path / "domains").mkdir()
    (tmp_path / "namespaces.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: auth}\n---\n")
    (tmp_path / "domains" / "auth.yaml").write_text(DOMAIN.format(name="auth", placement="{node: auth}"))
    (tmp_path / "domains" / "scan.yaml").write_text(DOMAIN.format(name="scan", placement="{}"))
    (tmp_path / "domains" / "my.yml").write_text(DOMAIN.format(name="my", placement="{nodeSelector: {domain: my}}"))
    (tmp_path / "README.md").write_text("not: [yaml")
    examples = load_examples(tmp_path)
    assert [obj["metadata"]["name"] for obj in examples.namespaces] == ["auth"]
    assert [obj["metadata"]["name"] for obj in examples.working] == ["auth", "my", "scan"]
    assert examples.nodes == ["auth", "my"]
    assert examples.broken == ()


def test_what_fails_on_purpose_is_apart(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "all.yaml").write_text(
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: broken}\n---"
        + DOMAIN.format(name="gone", placement="{node: gone}")
    )
    examples = load_examples(tmp_path)
    assert [obj["metadata"]["name"] for obj in examples.namespaces] == ["broken"]
    assert [obj["metadata"]["name"] for obj in examples.broken] == ["gone"]
    assert examples.working == ()
    assert examples.nodes == ["gone"]


@pytest.mark.parametrize("text", ["a: [", "kind: Namespace", "- a list", "text"])
def test_a_bad_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ClusterError, match=r"bad\.yaml"):
        load_examples(tmp_path)


def test_a_missing_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no such folder"):
        load_examples(tmp_path / "none")
