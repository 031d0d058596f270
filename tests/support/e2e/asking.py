"""Asks an address again and again until its standard input ends, and says what came of every request.

Its source is run as it is in pods: their images have Python and little else. Half of the visitors open a connection for
each request; the others keep theirs until they are told that it closes, as clients do. None repeats a request.
"""

import json
import sys
import threading
from collections import Counter
from http.client import HTTPConnection, HTTPException
from typing import Any

SECONDS = 10.0
"""How long an answer may take."""
PAUSE = 0.05
"""Seconds between two questions of a visitor."""
SAYS_EVERY = 0.5


class Visitors:
    """Those that ask, and their tally."""

    def __init__(self, host: str, port: int, path: str) -> None:
        self._address = host, port
        self._path = path
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.asked = 0
        self.tally: dict[str, Counter[str]] = {name: Counter() for name in ("fresh", "kept", "pods", "versions")}
        self.first_error = ""

    def run(self, count: int) -> None:
        """Ask until the standard input ends."""
        threads = [threading.Thread(target=self._visit, args=(number % 2 == 0,)) for number in range(count)]
        teller = threading.Thread(target=self._tell)
        for thread in (*threads, teller):
            thread.start()
        sys.stdin.read()
        self._stop.set()
        for thread in (*threads, teller):
            thread.join()

    def _visit(self, fresh: bool) -> None:
        name, connection = "fresh" if fresh else "kept", HTTPConnection(*self._address, timeout=SECONDS)
        while not self._stop.wait(PAUSE):
            outcome, body = self._ask(connection, fresh)
            with self._lock:
                self.asked += 1
                self.tally[name][outcome] += 1
                if outcome == "200":
                    self.tally["pods"][body["pod"]] += 1
                    self.tally["versions"][body["version"]] += 1
        connection.close()

    def _ask(self, connection: HTTPConnection, fresh: bool) -> tuple[str, Any]:
        try:
            connection.request("GET", self._path, headers={"Connection": "close"} if fresh else {})
            response = connection.getresponse()
            body = response.read()
            return str(response.status), json.loads(body) if response.status == 200 else None
        except (OSError, HTTPException, ValueError) as error:
            connection.close()
            self.first_error = self.first_error or repr(error)
            return type(error).__name__, None

    def _tell(self) -> None:
        while not self._stop.wait(SAYS_EVERY):
            say(self.asked)


def say(what: Any) -> None:
    """A line for who started this."""
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    visitors = Visitors(sys.argv[1], int(sys.argv[2]), sys.argv[3])
    visitors.run(int(sys.argv[4]))
    say({"asked": visitors.asked, "first_error": visitors.first_error, **visitors.tally})
