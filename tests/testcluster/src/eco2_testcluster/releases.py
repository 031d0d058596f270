"""Programs as their projects publish them, checked against the published SHA-256."""

from __future__ import annotations

import hashlib
import json
import tarfile
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path

from eco2_testcluster.errors import BinaryError
from eco2_testcluster.tools import Release, Tool, goarch, goos

ANSWER_SECONDS = 3.0
"""A host that has not sent the small checksum file by then counts as unreachable: building takes over."""
DOWNLOAD_SECONDS = 60.0
"""A download may pause that long; how long it takes in all depends on the line."""

Fetch = Callable[[str, Path, float], None]
"""Download a URL into a file; the last argument is the longest pause in seconds. Raises OSError."""


class Releases:
    """Downloads; a host that does not answer is asked once in the life of this object."""

    def __init__(self, fetch: Fetch | None = None, *, seconds: float = ANSWER_SECONDS) -> None:
        self._fetch = fetch or fetch_url
        self._seconds = seconds
        self._silent: set[str] = set()

    def checksums(self, tools: Sequence[Tool]) -> dict[str, str]:
        """The published digests by tool name, of those tools whose host answers; asked for all at once."""
        found: dict[str, str] = {}
        asked: dict[str, threading.Thread] = {}
        for tool in tools:
            release = tool.release
            if release is None or goos() not in release.systems or self._is_silent(release, tool):
                continue
            # Threads that are left behind, not a timeout: a name server that does not answer knows none.
            thread = threading.Thread(target=self._checksum, args=(tool, release, found), daemon=True)
            thread.start()
            asked[tool.name] = thread
        deadline = time.monotonic() + self._seconds
        for thread in asked.values():
            thread.join(max(0.0, deadline - time.monotonic()))
        arrived = dict(found)
        for tool in tools:
            if tool.release and tool.name in asked and tool.name not in arrived:
                self._silent.add(_host(_url(tool.release.checksum, tool)))
        return arrived

    def download(self, tool: Tool, *, digest: str, into: Path) -> Path:
        """Download a program into a folder, check it, and return its path. Raises BinaryError."""
        release = tool.release
        assert release is not None  # noqa: S101  only tools with a release have a digest
        url = _url(release.url, tool)
        into.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=into.parent) as folder:
            archive = Path(folder) / "download"
            try:
                self._fetch(url, archive, DOWNLOAD_SECONDS)
            except (OSError, HTTPException) as error:
                raise BinaryError(f"{url}: {error}") from error
            with archive.open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
            if actual != digest:
                raise BinaryError(f"{url}: SHA-256 is {actual}, published is {digest}; the download is not used")
            program = archive
            if release.member:
                program = _extract(archive, _url(release.member, tool), into=Path(folder) / "member", url=url)
            program.chmod(0o755)
            return program.replace(into / tool.name)

    def _checksum(self, tool: Tool, release: Release, found: dict[str, str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "checksum"
            try:
                self._fetch(_url(release.checksum, tool), path, self._seconds)
                text = path.read_text()
            except (OSError, HTTPException, UnicodeDecodeError):
                return
        digest = parse_checksum(text, name=_url(release.url, tool).rpartition("/")[2])
        if digest:
            found[tool.name] = digest

    def _is_silent(self, release: Release, tool: Tool) -> bool:
        return _host(_url(release.checksum, tool)) in self._silent


def parse_checksum(text: str, *, name: str) -> str | None:
    """The SHA-256 of file `name` in a checksum file or the description of a GitHub release, or None."""
    if text.lstrip().startswith("{"):
        try:
            assets = json.loads(text).get("assets", [])
        except ValueError:
            return None
        lines = [f"{(asset.get('digest') or '').removeprefix('sha256:')} {asset.get('name')}" for asset in assets]
    else:
        lines = text.splitlines()
    for line in lines:
        digest, *names = line.split()
        right = not names or names[0].lstrip("*") == name
        if right and len(digest) == 64 and all(char in "0123456789abcdef" for char in digest):
            return digest
    return None


def fetch_url(url: str, path: Path, seconds: float) -> None:
    """Download `url` into `path`, through the proxy that the environment names. Raises OSError."""
    request = urllib.request.Request(url, headers={"User-Agent": "eco2-testcluster"})  # noqa: S310  https only
    with urllib.request.urlopen(request, timeout=seconds) as response, path.open("wb") as file:  # noqa: S310
        while block := response.read(1 << 20):
            file.write(block)


def _extract(archive: Path, member: str, *, into: Path, url: str) -> Path:
    try:
        with tarfile.open(archive) as tar:
            source = tar.extractfile(member)
            if source is None:
                raise KeyError(member)
            with into.open("wb") as file:
                while block := source.read(1 << 20):
                    file.write(block)
    except (tarfile.TarError, KeyError) as error:
        raise BinaryError(f"{url}: cannot take {member} out of it: {error}") from error
    return into


def _url(pattern: str, tool: Tool) -> str:
    return pattern.format(version=tool.version, os=goos(), arch=goarch())


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).hostname or ""
