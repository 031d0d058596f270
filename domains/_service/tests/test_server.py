"""How an application is served."""

from pydantic import SecretStr
from starlette.applications import Starlette

from eco2_service import server
from eco2_service.settings import ServiceSettings


def test_idle_connections_are_closed_by_the_gateway_and_not_by_us() -> None:
    settings = ServiceSettings(database_url=SecretStr("postgresql://host/database"))
    configuration = server._configuration(Starlette(), settings, 8000)  # type: ignore[arg-type]
    assert configuration.timeout_keep_alive > 60 * 60  # Envoy's idle_timeout
