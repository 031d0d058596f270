"""What pods do not show by themselves: Events alone tell which probe fails, a log alone what a crash was about.

It is asked for once in each state of a pod, and remembered.
"""

import logging
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Final

from eco2_operator.build.context import Domain
from eco2_operator.build.pod_template import pod_template
from eco2_operator.build.references import references
from eco2_operator.errors import ChildError
from eco2_operator.kube import Reader
from eco2_operator.naming import Key
from eco2_operator.reconcile.last_words import last_words
from eco2_operator.reconcile.settling import Settling
from eco2_operator.status.domain import Observation
from eco2_operator.status.pods import CRASHED, STUCK, UNHEALTHY, Cause, diagnose, newest_pods, unready

log = logging.getLogger(__name__)

PATIENCE_SECONDS: Final = 5.0
"""A start takes a moment: what runs for so long and is not ready is worth a question."""
AGAIN_SECONDS: Final = 10.0
"""When nobody knew: a probe may take its time to fail."""
KILLED: Final = (0, 137, 143)
"""Exit codes of a container that was told to end, as by the kubelet after a failed probe."""
WORDS: Final = 300
"""Characters of the last line of a log."""


class Inquiry:
    """Asks about the pods of EcoDomains.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, reader: Reader, clock: Callable[[], float]) -> None:
        self._reader = reader
        self._since = Settling(clock, PATIENCE_SECONDS)
        self._probes: dict[Key, tuple[Hashable, str]] = {}
        self._words: dict[Key, tuple[Hashable, str]] = {}

    async def complete(self, domain: Domain, seen: Observation) -> tuple[Observation, float | None]:
        """The observation with what was found out, and in how many seconds there is more to ask."""
        if seen.deployment is None:
            return seen, None
        cause = diagnose(seen.deployment, seen.replica_sets, seen.pods)
        if cause is not None and cause.reason == CRASHED:
            return await self._about_crash(domain, seen, cause), None
        if cause is not None and cause.reason != STUCK:
            return seen, None
        return await self._about_probe(domain, seen, patient=cause is None)

    def forget(self, key: Key) -> None:
        """The domain is gone."""
        self._since.forget(key)
        self._probes.pop(key, None)
        self._words.pop(key, None)

    async def _about_crash(self, domain: Domain, seen: Observation, cause: Cause) -> Observation:
        """Its last words; or the probe for which the kubelet ended it."""
        if cause.exit_code in KILLED and (probe := await self._told(domain, cause.pod, (cause.pod, CRASHED))):
            return replace(seen, probe=probe)
        known = self._words.get(domain.key)
        if known is None or known[0] != cause.pod:
            known = (cause.pod, await self._last_line(domain, cause))
            if known[1]:  # it may be starting again, and have written nothing yet
                self._words[domain.key] = known
        return replace(seen, last_words=known[1])

    async def _about_probe(
        self, domain: Domain, seen: Observation, *, patient: bool
    ) -> tuple[Observation, float | None]:
        pods = newest_pods(seen.replica_sets, seen.pods)
        state = min((state for pod in pods if (state := unready(pod)) is not None), default=None)
        if state is None:
            self.forget(domain.key)
            return seen, None
        wait = self._since.note(domain.key, state)
        if patient and wait > 0:
            return seen, wait
        probe = await self._told(domain, state[0], state)
        return replace(seen, probe=probe), None if probe else AGAIN_SECONDS

    async def _told(self, domain: Domain, pod: str, state: Hashable) -> str:
        """What the kubelet last said of a probe of a pod."""
        known = self._probes.get(domain.key)
        if known is not None and known[0] == state:
            return known[1]
        try:
            told = await self._reader.warnings(domain.namespace, pod, UNHEALTHY)
        except ChildError as error:  # the rest must be told all the same
            log.warning("no events about a pod", extra={"key": str(domain.key), "error": str(error)})
            return ""
        if not told:
            return ""
        self._probes[domain.key] = (state, f"pod {pod}: {told[-1].strip()}")
        return self._probes[domain.key][1]

    async def _last_line(self, domain: Domain, cause: Cause) -> str:
        reads = references(pod_template(domain, {})["spec"])
        try:
            words = await last_words(self._reader, (domain.namespace, cause.pod, cause.container), reads=reads)
        except ChildError as error:
            log.warning("no log of a pod", extra={"key": str(domain.key), "error": str(error)})
            return ""
        return words.splitlines()[-1][-WORDS:] if words else ""
