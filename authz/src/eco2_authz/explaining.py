"""``eco2-authz --explain``: asks what the server would ask, and prints it."""

import asyncio
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from random import random
from time import perf_counter, time
from typing import Any, Final

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eco2_authz.blacklist.lookup import Lookup
from eco2_authz.decision import Reason
from eco2_authz.errors import RedisUnavailable
from eco2_authz.explain import Explanation, explain
from eco2_authz.keys.source import KeySource
from eco2_authz.results import OWN_TROUBLE
from eco2_authz.settings import Settings

KEYS_SECONDS: Final = 10.0
REDIS_SECONDS: Final = 2.0
_PAUSE: Final = 0.01
_ACCEPTED, _REFUSED, _CANNOT_TELL = 0, 1, 2
_MARKS: Final = {True: ("yes", "green"), False: ("no", "red"), None: ("-", "dim")}


@dataclass(frozen=True)
class Explained:
    """What is known of a token."""

    explanation: Explanation
    asked: bool
    """Whether the blacklist has answered, or nobody had to ask it."""

    @property
    def exit_code(self) -> int:
        """0 accepted, 1 refused, 2 it cannot be told."""
        decision = self.explanation.decision
        if decision.reason in OWN_TROUBLE or (decision.allowed and not self.asked):
            return _CANNOT_TELL
        return _ACCEPTED if decision.allowed else _REFUSED

    @property
    def verdict(self) -> str:
        """The same for people."""
        decision = self.explanation.decision
        if self.exit_code == _CANNOT_TELL:
            return f"It cannot be told: {decision.detail or 'the blacklist does not answer'}."
        return "Accepted." if decision.allowed else f"Refused ({decision.reason}): {decision.detail}."


def look_into(token: str, settings: Settings) -> Explained:
    """Ask keys and blacklist about a token."""
    logging.disable()  # what went wrong becomes part of the answer
    return asyncio.run(_look_into(token, settings))


async def _look_into(token: str, settings: Settings) -> Explained:
    keys = settings.keys()
    policy = settings.policy
    await keys.start()
    try:
        await _until(lambda: keys.current is not None, KEYS_SECONDS)
        explanation = explain(token, policy, keys.current, time())
        if explanation.decision.reason is Reason.UNKNOWN_KEY:
            await _refetch(keys, explanation)
            explanation = explain(token, policy, keys.current, time())
    finally:
        await keys.stop()
    if not explanation.decision.allowed:
        return Explained(explanation, asked=True)
    revoked = await _revoked(explanation.decision.jti, settings)
    return Explained(explain(token, policy, keys.current, time(), revoked), asked=revoked is not None)


async def _refetch(keys: KeySource, explanation: Explanation) -> None:
    if explanation.header is not None and explanation.header.kid is not None:
        await keys.refetch(explanation.header.kid)


async def _revoked(jti: str, settings: Settings) -> bool | None:
    """What Redis says; None when it does not."""
    blacklist = Lookup(settings.redis, connections=1, limit=REDIS_SECONDS, random=random)
    await blacklist.start()
    try:
        await _until(lambda: blacklist.ready, REDIS_SECONDS)
        return bool(await blacklist.revoked(jti, perf_counter()))
    except RedisUnavailable:
        return None
    finally:
        await blacklist.stop()


async def _until(done: Callable[[], bool], seconds: float) -> None:
    """Wait for a fact, and not longer than that."""
    for _ in range(int(seconds / _PAUSE)):
        if done():
            return
        await asyncio.sleep(_PAUSE)


def print_text(explained: Explained) -> None:
    """For people."""
    explanation = explained.explanation
    table = Table(box=None, show_header=False, pad_edge=False)
    for step in explanation.steps:
        mark, style = _MARKS[step.passed]
        table.add_row(step.name, Text(mark, style), Text(step.text))
    for name, value in explanation.claims.items():
        table.add_row(Text(name, "dim"), "", Text(str(value)))
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print(explained.verdict)


def print_json(explained: Explained) -> None:
    """For programs: one object."""
    explanation = explained.explanation
    document: dict[str, Any] = {
        "allowed": None if explained.exit_code == _CANNOT_TELL else explanation.decision.allowed,
        "reason": explanation.decision.reason,
        "detail": explanation.decision.detail,
        "steps": [{"name": step.name, "passed": step.passed, "text": step.text} for step in explanation.steps],
        "header": None if explanation.header is None else explanation.header._asdict(),
        "claims": explanation.claims,
    }
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")


PRINTERS: Final = {"text": print_text, "json": print_json}
