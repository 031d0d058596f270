"""Keys from a file, read again when it changes."""

import asyncio
import contextlib
import logging
import time
from pathlib import Path
from typing import Final

from eco2_authz.errors import KeysUnavailable
from eco2_authz.keys.jwk import MAX_DOCUMENT, parse_jwks
from eco2_authz.keys.source import Clock, Published

log: Final = logging.getLogger(__name__)

_Version = tuple[int, int, int]
"""Inode, time of the last change in nanoseconds, size in bytes. A mounted ConfigMap changes the inode."""


class FileKeys(Published):
    """The keys of a JWKS file.

    A file that is missing or bad is logged once, and the last good keys stay: it is our own file, and a slip of who
    edits it is no reason to turn every user away.

    Args:
        path: the file; it may appear later.
        algorithms: those that keys are wanted for.
        poll_seconds: how often to look whether it changed.
        cool_down: seconds between two looks that tokens with unknown keys ask for.
    """

    def __init__(
        self,
        path: Path,
        algorithms: frozenset[str],
        *,
        poll_seconds: float = 5.0,
        cool_down: float = 1.0,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(clock)
        self._path: Final = path
        self._algorithms: Final = algorithms
        self._poll_seconds: Final = poll_seconds
        self._cool_down: Final = cool_down
        self._version: _Version | None = None
        self._fault = ""
        self._next_look = 0.0
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read the file, and from then on look whether it changes."""
        self._look()
        self._task = asyncio.create_task(self._watch(), name="keys of a file")

    async def refetch(self, kid: str) -> None:
        """Look whether the file has changed, if that is not known yet."""
        if self._clock() >= self._next_look:
            self._look()

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._poll_seconds)
            self._look()

    def _look(self) -> None:
        """Read the file if it is not the one of the last look. Never raises.

        A quarter of a megabyte is not worth a thread.
        """
        self._next_look = self._clock() + self._cool_down
        fault = self._fault
        try:
            version = self._stat()
            if version != self._version:
                # Noted before it is read: what is written meanwhile is another version.
                self._version = version
                fault = ""
                self._publish(parse_jwks(self._read(), self._algorithms))
            elif not fault:
                self._seen = self._clock()
        except OSError as error:
            self._version = None
            fault = f"the file cannot be read: {error.strerror}"
        except KeysUnavailable as error:
            fault = str(error)
        except Exception as error:
            # Whatever it was, the next change of the file must not go unseen.
            fault = type(error).__name__
            log.exception("reading keys went wrong")
        if fault and fault != self._fault:
            log.warning("keys not read", extra={"file": str(self._path), "error": fault})
        self._fault = fault

    def _stat(self) -> _Version:
        found = self._path.stat()
        return found.st_ino, found.st_mtime_ns, found.st_size

    def _read(self) -> bytes:
        with self._path.open("rb") as file:
            return file.read(MAX_DOCUMENT + 1)
