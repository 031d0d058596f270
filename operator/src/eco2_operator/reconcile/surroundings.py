"""What an entrance needs at its gateway and does not make: pods that listen, a certificate.

Pods and Secrets of others are not watched. They are looked for when an entrance is reconciled: what was found is taken
for granted for as long as a resync takes, what was missing is looked for again soon.
"""

from collections.abc import Awaitable, Callable, Hashable

from eco2_operator.claims import Scope
from eco2_operator.errors import Forbidden
from eco2_operator.kinds import POD, SECRET
from eco2_operator.kube import Reader

MISSING_SECONDS = 30.0
"""How long what was missing counts as missing."""
FOUND_SECONDS = 500.0
"""How long what was found counts as there; below the time between two resyncs, at which it is looked for again."""


class Surroundings:
    """Looks for pods and certificates.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, reader: Reader, *, clock: Callable[[], float]) -> None:
        self._reader = reader
        self._clock = clock
        self._known: dict[Hashable, tuple[bool, float]] = {}

    async def has_pods(self, gateway: Scope) -> bool:
        """Whether any pod belongs to the gateway.

        Raises:
            ChildError: when the API server does not answer.
        """
        return await self._ask(gateway, lambda: self._count(gateway))

    async def has_certificate(self, namespace: str, name: str) -> bool:
        """Whether the Secret is there; what is in it is nobody's business.

        Raises:
            ChildError: when the API server does not answer.
        """

        async def found() -> bool:
            return await self._reader.metadata(SECRET, namespace, name) is not None

        return await self._ask((namespace, name), found)

    async def _count(self, gateway: Scope) -> bool:
        selector = ",".join(f"{name}={value}" for name, value in gateway.selector)
        pods, _ = await self._reader.list_metadata(POD, gateway.namespace, selector)
        return any(not pod["metadata"].get("deletionTimestamp") for pod in pods)

    async def _ask(self, what: Hashable, look: Callable[[], Awaitable[bool]]) -> bool:
        known = self._known.get(what)
        if known is not None and self._clock() - known[1] < (FOUND_SECONDS if known[0] else MISSING_SECONDS):
            return known[0]
        try:
            found = await look()
        except Forbidden:  # what we may not look at is no fault of the entrance
            found = True
        self._known[what] = (found, self._clock())
        return found
