"""The three below one address: /google, /kakao and /naver; and what a test outside of the process may do.

PUT    /control/{provider}   {"troubles": ["wrong-nonce"], "faults": {"token": "slow"}}
POST   /control/{provider}/keys   sign with a new key
DELETE /control/{provider}   forget everything
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route

from eco2_identity_provider.google import Google
from eco2_identity_provider.kakao import Kakao
from eco2_identity_provider.keys import Keys
from eco2_identity_provider.naver import Naver
from eco2_identity_provider.realm import PROVIDERS, Realm, make_client
from eco2_identity_provider.troubles import Endpoint, Fault, Trouble

_KINDS: Final[Mapping[str, type[Google] | type[Kakao] | type[Naver]]] = {
    "google": Google,
    "kakao": Kakao,
    "naver": Naver,
}


@dataclass(frozen=True)
class World:
    """The application and what it knows."""

    app: Starlette
    realms: Mapping[str, Realm]


def create_world(base_url: str, *redirect_bases: str, clock: Callable[[], float] = time.time) -> World:
    """Make the three.

    Args:
        base_url: how browsers and the auth domain reach this server, such as http://127.0.0.1:9999.
        redirect_bases: values of OAUTH_REDIRECT_BASE whose callbacks are registered.
        clock: seconds since the epoch.
    """
    keys: dict[str, Keys] = {name: Keys() for name in PROVIDERS if name != "naver"}
    keys["naver"] = keys["google"]  # it signs nothing
    realms: dict[str, Realm] = {
        name: Realm(name, f"{base_url.rstrip('/')}/{name}", make_client(name, redirect_bases), keys[name], clock)
        for name in PROVIDERS
    }
    routes: list[BaseRoute] = [Mount(f"/{name}", routes=_KINDS[name](realm).routes()) for name, realm in realms.items()]
    control = _Control(realms)
    routes += [
        Route("/health", _health),
        Route("/control/{provider}", control.write, methods=["PUT"]),
        Route("/control/{provider}", control.reset, methods=["DELETE"]),
        Route("/control/{provider}/keys", control.rotate, methods=["POST"]),
    ]
    return World(Starlette(routes=routes), realms)


async def _health(_: Request) -> Response:
    return PlainTextResponse("ok")


class _Control:
    def __init__(self, realms: Mapping[str, Realm]) -> None:
        self._realms = realms

    async def write(self, request: Request) -> Response:
        realm = self._realm(request)
        if realm is None:
            return _unknown()
        try:
            wanted = await request.json()
            troubles = frozenset(Trouble(name) for name in wanted.get("troubles", []))
            faults = {Endpoint(name): Fault(fault) for name, fault in wanted.get("faults", {}).items()}
        except (ValueError, AttributeError, TypeError) as error:
            return JSONResponse({"detail": str(error)}, 422)
        realm.script.write(troubles, faults)
        return Response(status_code=204)

    async def reset(self, request: Request) -> Response:
        realm = self._realm(request)
        if realm is None:
            return _unknown()
        realm.reset()
        return Response(status_code=204)

    async def rotate(self, request: Request) -> Response:
        realm = self._realm(request)
        if realm is None:
            return _unknown()
        realm.keys.rotate()
        return Response(status_code=204)

    def _realm(self, request: Request) -> Realm | None:
        return self._realms.get(request.path_params["provider"])


def _unknown() -> Response:
    return JSONResponse({"detail": "there is no such provider"}, 404)
