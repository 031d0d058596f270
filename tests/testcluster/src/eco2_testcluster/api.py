"""A small client of the API server and of the components' health pages."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from eco2_testcluster.errors import ApiError

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"


class ApiClient:
    """Requests to one HTTPS server, with a client certificate."""

    def __init__(self, url: str, *, authority: Path, pair: Path) -> None:
        """`pair` is the path of certificate and key without `.crt` and `.key`."""
        self.url = url
        context = ssl.create_default_context(cafile=str(authority))
        context.load_cert_chain(f"{pair}.crt", f"{pair}.key")
        # No proxy: the servers are on the loopback address, whatever the environment says.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = JSON,
        seconds: float = 10,
    ) -> Any:
        """Send one request and return the decoded answer.

        `path` may be a whole URL. Raises ApiError for an error status, and OSError when the server does not
        answer within `seconds`.
        """
        url = path if "://" in path else self.url + path
        request = urllib.request.Request(  # noqa: S310  loopback URLs of our own
            url,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": content_type, "Accept": JSON, "User-Agent": "eco2-testcluster"},
        )
        try:
            with self._opener.open(request, timeout=seconds) as response:
                content = response.read()
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            raise ApiError(f"{method} {url}: {error.code} {_message(text)}", status=error.code) from None
        return json.loads(content) if content[:1] in (b"{", b"[") else content.decode(errors="replace")

    def get(self, path: str) -> Any:
        """The object or list at `path`; None when it is not there."""
        try:
            return self.request("GET", path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def answers(self, path: str, *, seconds: float = 2) -> bool:
        """Whether a GET succeeds now."""
        try:
            self.request("GET", path, seconds=seconds)
        except (ApiError, OSError):
            return False
        return True

    def apply(self, path: str, obj: dict[str, Any], *, manager: str = "eco2-testcluster") -> Any:
        """Server-side apply of one object at its path; takes over fields of others."""
        # JSON is YAML.
        return self.request("PATCH", f"{path}?fieldManager={manager}&force=true", obj, content_type=APPLY)


def _message(text: str) -> str:
    try:
        document = json.loads(text)
    except ValueError:
        return text.strip()[:500]
    return str(document.get("message", text)) if isinstance(document, dict) else text[:500]
