"""The EcoDomain a command acts on."""

from datetime import UTC, datetime

from eco2_operator.cli.cluster import Reader
from eco2_operator.cli.errors import CliError
from eco2_operator.errors import InvalidSpec
from eco2_operator.model.domain import EcoDomainSpec
from eco2_operator.model.resource import Resource, parse
from eco2_operator.naming import Manifest


def title(domain: Manifest) -> str:
    """How messages name it."""
    return f"EcoDomain {domain['metadata']['namespace']}/{domain['metadata']['name']}"


def parsed(domain: Manifest) -> Resource[EcoDomainSpec]:
    """The domain as builders see it.

    Raises:
        CliError: when its spec has a fault, with which the operator does nothing either.
    """
    try:
        return parse(domain, EcoDomainSpec)
    except InvalidSpec as error:
        raise CliError(f"{title(domain)}: {error}") from None


def now() -> str:
    """The present time as RFC 3339, to the millisecond: two requests of one second are two."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def mark(reader: Reader, domain: Manifest, annotation: str, value: str | None) -> Manifest:
    """Set or remove one annotation, and leave the spec to git. The domain as it is then."""
    return reader.annotate(domain, {annotation: value})
