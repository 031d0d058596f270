"""Who may call a domain, and whom it may call."""

import ipaddress
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from eco2_operator.model.base import (
    ATOMIC,
    SET,
    Check,
    LabelName,
    Model,
    Namespace,
    PortNumber,
    Rule,
    keyed,
    matches,
)

DataStore = Literal["postgres", "redis", "rabbitmq"]


def _is_cidr(value: str) -> bool:
    address, slash, bits = value.partition("/")
    if not slash or not bits.isascii() or not bits.isdigit() or (len(bits) > 1 and bits.startswith("0")):
        return False
    if "%" in address:
        return False
    try:
        network = ipaddress.ip_interface(value).ip
    except ValueError:
        return False
    return network.version == 4 or network.ipv4_mapped is None


Cidr = Annotated[
    str,
    Field(max_length=43),
    Check(Rule("isCIDR(self)", "must be an address range such as 10.0.0.0/8", _is_cidr)),
]
CallPath = Annotated[
    str,
    Field(max_length=256),
    matches(
        r"^/[A-Za-z0-9._~!$&'()+,;=:@%/-]*[*]?$",
        "must be a URL path that starts with /, with * at most at the end, such as /api/v1/internal/*",
    ),
]


class Entrance(Model):
    """A namespace whose EcoIngresses may route here."""

    namespace: Namespace = Field(description="Its name.")


class Inbound(Model):
    """A domain that may call this one."""

    domain: LabelName = Field(description="Label `domain` of the caller.")
    namespace: Namespace | None = Field(None, description="Namespace of the caller; default the same.")
    paths: list[CallPath] | None = Field(
        None,
        min_length=1,
        max_length=32,
        description="HTTP paths it may call, `*` at the end as wildcard; default all. Enforced in the mesh.",
        json_schema_extra=SET,
    )


class Outbound(Model):
    """Something this domain may call. Exactly one of domain, data, external and cidr."""

    rules: ClassVar = (
        Rule(
            "[has(self.domain), has(self.data), has(self.external), has(self.cidr)].filter(x, x).size() == 1",
            "name exactly one of domain, data, external and cidr",
            lambda o: sum(v is not None for v in (o.domain, o.data, o.external, o.cidr)) == 1,
        ),
        Rule(
            "!has(self.__namespace__) || has(self.domain)",
            "namespace goes with domain: remove it or name the domain",
            lambda o: o.namespace is None or o.domain is not None,
            ".namespace",
            "FieldValueForbidden",
        ),
        Rule(
            "has(self.port) == has(self.cidr)",
            "cidr and port go together: give both or neither",
            lambda o: (o.port is None) == (o.cidr is None),
            ".port",
        ),
    )
    domain: LabelName | None = Field(None, description="Label `domain` of the target.")
    namespace: Namespace | None = Field(None, description="Namespace of the target domain; default the same.")
    data: DataStore | None = Field(None, description="A data store: the namespaces labelled data-type.")
    external: Literal["https"] | None = Field(None, description="Port 443 outside the cluster.")
    cidr: Cidr | None = Field(None, description="An address range.")
    port: PortNumber | None = Field(None, description="TCP port in that range.")


class Access(Model):
    """Who may call the domain, and whom it may call. Everything else is refused."""

    enforcement: Literal["active", "shadow"] = Field(
        "active", description="shadow reports what would be refused and blocks nothing."
    )
    ingress: list[Entrance] | None = Field(
        None,
        max_length=32,
        description="Namespaces whose EcoIngresses may route here; default its own and the operator's list.",
        json_schema_extra=keyed("namespace"),
    )
    inbound: list[Inbound] | None = Field(
        None, max_length=64, description="Domains that may call this one.", json_schema_extra=ATOMIC
    )
    outbound: list[Outbound] | None = Field(
        None, max_length=64, description="What this domain may call.", json_schema_extra=ATOMIC
    )
