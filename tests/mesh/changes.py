"""Entrances that the real operator looks after, and visitors of the gateway who ask all the time."""

from typing import Final

from support.api import Object
from support.mesh.entrance import World
from support.mesh.load import Crowd
from support.mesh.operated import Operated
from support.waits import eventually

ASKED: Final = "/api/v1/scan"
STALE: Final = {"0", "404", "421"}
"""On a connection whose filters are too old for a route: closed, not found, or to be sent on another one."""


def opened(gateway: Operated, made: Object, *, host: str, path: str = ASKED, service: str = "scan") -> None:
    """Create an entrance and wait until it answers."""
    gateway.create(made)
    eventually(lambda: gateway.world.ask(path, host=host, token=gateway.world.token()).service == service)
    settled(gateway, made)


def settled(gateway: Operated, made: Object) -> None:
    """Wait until the operator has finished with an entrance."""
    eventually(lambda: gateway.is_settled(made))


def visitors(crowd: Crowd, world: World, path: str, host: str) -> None:
    """Nobody of them has a token."""
    crowd.patient(world.http, path, host=host)
    crowd.stubborn(world.http, path, host=host)
    crowd.polite(world.http, path, host=host)
    crowd.fresh(world.http, path, host=host)


def bearer(world: World) -> list[tuple[str, str]]:
    """The header with a good token."""
    return [("authorization", f"Bearer {world.token()}")]


def seen(crowd: Crowd) -> set[str]:
    """Who has answered them, or with which status nobody did."""
    return {service for visitor in crowd.visitors for service in visitor.services}
