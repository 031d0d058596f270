"""The domain's container ports, however they were written."""

from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.service import Port


def ports(spec: EcoDomainSpec) -> tuple[Port, ...]:
    """All ports, the first first; ``port: 8000`` is short for one HTTP port named http."""
    if spec.port is not None:
        return (Port(name="http", port=spec.port, service_port=80, app_protocol="http"),)
    return tuple(spec.ports or ())


def find(spec: EcoDomainSpec, name: str | None) -> Port | None:
    """The port of that name, or the first when none is named; None when there is no such port."""
    return next((port for port in ports(spec) if name is None or port.name == name), None)
