"""Reading files: YAML or JSON documents from paths, folders and stdin, each with where it came from."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from eco2_operator.cli import yamls
from eco2_operator.cli.faults import Fault
from eco2_operator.naming import Manifest

SUFFIXES: Final = (".yaml", ".yml", ".json")
STDIN: Final = "-"


@dataclass(frozen=True, slots=True)
class Document:
    """One object of a file."""

    source: str
    """The file, as the user would name it."""
    content: Manifest

    def subject(self, namespace: str) -> str:
        """``Kind namespace/name``, as far as the document says so."""
        metadata = self.content.get("metadata")
        metadata = metadata if isinstance(metadata, dict) else {}
        return f"{self.content['kind']} {metadata.get('namespace', namespace)}/{metadata.get('name') or '(no name)'}"


def read(paths: Iterable[str]) -> tuple[list[Document], list[Fault]]:
    """Every object of these files and folders in a stable order, and what could not be read.

    A file that two of the paths lead to is read once.
    """
    documents: list[Document] = []
    faults: list[Fault] = []
    for path in dict.fromkeys(_sources(paths, faults)):
        source = "stdin" if path == STDIN else path
        try:
            text = sys.stdin.read() if path == STDIN else Path(path).read_text(encoding="utf-8")
            documents += _parse(source, text, faults)
        except (OSError, UnicodeDecodeError) as error:
            faults.append(Fault(source, getattr(error, "strerror", None) or str(error)))
        except yaml.YAMLError as error:
            faults.append(Fault(source, _explain(error)))
    return documents, faults


def _sources(paths: Iterable[str], faults: list[Fault]) -> Iterator[str]:
    for path in paths:
        folder = Path(path)
        if path == STDIN or not folder.is_dir():
            yield path
            continue
        found = [str(file) for file in sorted(folder.rglob("*")) if file.suffix in SUFFIXES and file.is_file()]
        if not found:
            faults.append(Fault(path, f"no file that ends in {', '.join(SUFFIXES)}"))
        yield from found


def _parse(source: str, text: str, faults: list[Fault]) -> Iterator[Document]:
    for content in yamls.load_all(text):
        if content is not None:
            yield from _flatten(source, content, faults)


def _flatten(source: str, content: Any, faults: list[Fault]) -> Iterator[Document]:
    """The document itself, or the items of a List."""
    if not isinstance(content, dict) or not isinstance(content.get("kind"), str):
        faults.append(Fault(source, "a document without kind: every object needs apiVersion, kind and metadata"))
        return
    items = content.get("items")
    if content["kind"].endswith("List") and isinstance(items, list):
        kind = content["kind"].removesuffix("List")
        for item in items:
            # Items of a typed list may leave out their kind.
            full = {"apiVersion": content.get("apiVersion"), "kind": kind, **item} if kind else item
            yield from _flatten(source, full, faults)
        return
    yield Document(source, content)


def _explain(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: {problem}" if mark is not None else f"not YAML: {problem}"
