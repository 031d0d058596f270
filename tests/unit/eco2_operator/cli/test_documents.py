"""Files, folders and stdin become documents; what cannot be read becomes a fault that names the file."""

import json

import pytest

from eco2_operator.cli.documents import read


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "a.yaml").write_text("kind: A\n---\nkind: B\n---\n")
    (tmp_path / "b" / "c.json").write_text(json.dumps({"kind": "C"}))
    (tmp_path / "b" / "notes.md").write_text("no: [")
    return tmp_path


def kinds(documents):
    return [document.content["kind"] for document in documents]


def test_a_folder_is_read_with_everything_in_it_in_a_stable_order(folder):
    documents, faults = read([str(folder)])
    assert kinds(documents) == ["A", "B", "C"]
    assert faults == []


def test_a_file_named_twice_is_read_once(folder):
    documents, _ = read([str(folder / "a.yaml"), str(folder)])
    assert kinds(documents) == ["A", "B", "C"]


def test_every_unreadable_file_is_a_fault(folder):
    (folder / "bad.yaml").write_text("a: 1\nb: [\n")
    (folder / "latin.yaml").write_bytes(b"kind: \xe9\n")
    (folder / "text.yaml").write_text("just words\n")
    (folder / "empty").mkdir()
    documents, faults = read([str(folder), str(folder / "gone.yaml"), str(folder / "empty")])
    assert kinds(documents) == ["A", "B", "C"]
    # A folder without files is noticed first, while the files are looked for.
    assert sorted(str(fault).removeprefix(f"{folder}/").split(":")[0] for fault in faults) == [
        "bad.yaml", "empty", "gone.yaml", "latin.yaml", "text.yaml",
    ]  # fmt: skip
    assert any("bad.yaml: line 3: " in str(fault) for fault in faults)


def test_lists_are_opened(tmp_path):
    file = tmp_path / "list.yaml"
    file.write_text(
        "kind: List\nitems:\n- {kind: A}\n- {kind: B}\n---\n"
        "apiVersion: eco2.growbin.app/v1alpha1\nkind: EcoDomainList\nitems:\n- {metadata: {name: x}}\n"
    )
    documents, faults = read([str(file)])
    assert kinds(documents) == ["A", "B", "EcoDomain"]
    assert documents[2].content["apiVersion"] == "eco2.growbin.app/v1alpha1"
    assert faults == []


def test_a_subject_is_named_as_far_as_it_names_itself(tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text("kind: A\n---\nkind: B\nmetadata: {name: b, namespace: ns}\n---\nkind: C\nmetadata: 1\n")
    documents, _ = read([str(file)])
    assert [d.subject("default") for d in documents] == ["A default/(no name)", "B ns/b", "C default/(no name)"]
