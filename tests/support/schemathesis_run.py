"""Schemathesis on a running service: everything its schema says is tried, and everything else too.

https://schemathesis.readthedocs.io/en/stable/reference/checks/
"""

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PHASES: Final = "examples,coverage,fuzzing,stateful"
EXAMPLES: Final = 25
"""For each operation and phase."""

CONFIGURATION: Final = """
[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 401, 403, 404, 409, 410, 412, 429, "5xx"]
"""
"""Its own list, and two answers to valid requests: the user was deleted (in the same run), If-Match does not fit."""


async def run_schemathesis(
    url: str,
    *,
    headers: Mapping[str, str],
    path: str,
    examples: int = EXAMPLES,
    seed: int = 1,
    exclude_checks: str = "",
) -> None:
    """Run all phases with all checks. Raises AssertionError with its report when one fails.

    Args:
        url: of the service.
        headers: sent with every request: who asks.
        path: of the schema.
        exclude_checks: a comma list; whoever gives one says why.
    """
    with tempfile.TemporaryDirectory(prefix="eco2-schemathesis-") as folder:
        (Path(folder) / "schemathesis.toml").write_text(CONFIGURATION)
        words = [
            *("--checks", "all", "--phases", PHASES, "--seed", str(seed), "--max-examples", str(examples)),
            *("--continue-on-failure", "--no-color", "--warnings", "off", "--request-timeout", "30"),
            *(["--exclude-checks", exclude_checks] if exclude_checks else []),
            *(word for name, value in headers.items() for word in ("--header", f"{name}: {value}")),
        ]
        process = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("schemathesis")),
            *("run", f"{url}{path}", *words),
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
    report = output.decode(errors="replace")
    assert process.returncode == 0, report[-20_000:]
    assert " generated" in report, report  # it did try something
