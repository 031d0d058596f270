"""What every model shares: camelCase names, refusal of unknown fields, and rules that hold on both sides.

A `Rule` is written once as CEL, which the API server evaluates at admission, and once as Python, which `eco2 render`
and the operator evaluate; a test feeds the same input to both. Patterns are rules too, because for a bare `pattern`
the API server prints the expression and not what it means.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel, to_snake
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import PydanticCustomError, core_schema

Extra = dict[str, Any]
VALIDATIONS = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Rule:
    """A law over one value.

    ``holds`` is the same law in Python; None for laws over ``oldSelf``, which only the API server can judge.
    ``field`` is where the mistake is, relative to the value (``.nodePort``), ``reason`` what kind of mistake.
    """

    cel: str
    message: str
    holds: Callable[[Any], bool] | None = None
    field: str = ""
    reason: Literal["", "FieldValueForbidden", "FieldValueRequired", "FieldValueDuplicate"] = ""

    @property
    def schema(self) -> Extra:
        """The rule as the CRD states it."""
        entry = {"rule": self.cel, "message": self.message}
        if self.field:
            entry["fieldPath"] = self.field
        if self.reason:
            entry["reason"] = self.reason
        return entry

    def error(self) -> PydanticCustomError:
        """The fault to raise when the law is broken."""
        return PydanticCustomError("rule", "{message}", {"message": self.message, "field": self.field})


@dataclass(frozen=True, slots=True)
class Check:
    """Annotation that binds a rule to a single value instead of a model."""

    rule: Rule

    def __call__(self, value: Any) -> Any:
        """The value itself, when the law holds."""
        if self.rule.holds is not None and not self.rule.holds(value):
            raise self.rule.error()
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_after_validator_function(self, handler(source))

    def __get_pydantic_json_schema__(
        self, core: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler(core)
        schema.setdefault(VALIDATIONS, []).append(self.rule.schema)
        return schema


def matches(pattern: str, message: str) -> Check:
    """A string of this form. The pattern has to mean the same in RE2 and in Python's `re`."""
    expression = re.compile(pattern, re.ASCII)
    return Check(Rule(f'self.matches(r"{pattern}")', message, lambda value: expression.fullmatch(value) is not None))


class Model(BaseModel):
    """Base of every schema object: immutable, camelCase outside, unknown fields refused, nothing coerced."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        strict=True,
        defer_build=True,
    )
    rules: ClassVar[tuple[Rule, ...]] = ()
    resource_rules: ClassVar[tuple[Rule, ...]] = ()
    """Of a spec: laws that also look at metadata.name."""
    _unique: ClassVar[tuple[tuple[str, str, tuple[str, ...]], ...]] = ()
    """Lists without duplicates: attribute, JSON name, and the attributes that tell two entries apart."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Remember which lists the schema declares to be maps or sets."""
        super().__pydantic_init_subclass__(**kwargs)
        unique = []
        for attribute, info in cls.model_fields.items():
            extra = info.json_schema_extra
            if isinstance(extra, dict) and extra.get(LIST_TYPE) in ("map", "set"):
                keys = extra.get(LIST_KEYS, [])
                names = tuple(to_snake(str(key)) for key in keys) if isinstance(keys, list) else ()
                unique.append((attribute, info.alias or attribute, names))
        cls._unique = tuple(unique)

    @model_validator(mode="after")
    def _check_rules(self) -> "Model":
        for attribute, name, keys in self._unique:
            seen: set[Any] = set()
            for index, entry in enumerate(getattr(self, attribute) or ()):
                identity = tuple(getattr(entry, key) for key in keys) if keys else entry
                if identity in seen:
                    message = f"Duplicate value: an earlier entry has the same {' and '.join(keys) or 'value'}"
                    raise PydanticCustomError(
                        "duplicate", "{message}", {"message": message, "field": f".{name}[{index}]"}
                    )
                seen.add(identity)
        for rule in self.rules:
            if rule.holds is not None and not rule.holds(self):
                raise rule.error()
        return self


LIST_TYPE = "x-kubernetes-list-type"
LIST_KEYS = "x-kubernetes-list-map-keys"


def keyed(*keys: str) -> Extra:
    """Schema keywords of a list whose elements are told apart by these fields."""
    return {LIST_TYPE: "map", LIST_KEYS: list(keys)}


ATOMIC: Extra = {LIST_TYPE: "atomic"}
SET: Extra = {LIST_TYPE: "set"}

DNS_LABEL = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
DnsLabel = Annotated[
    str,
    Field(max_length=63),
    matches(
        DNS_LABEL,
        "must be lower-case letters, digits and -, start with a letter and not end in -",
    ),
]
"""RFC 1035 label: lower case, starts with a letter. What Services and this product's names need."""

LabelName = Annotated[
    str,
    Field(min_length=1, max_length=63),
    matches(
        r"^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$",
        "must be letters, digits, -, _ and ., starting and ending with a letter or digit",
    ),
]
"""A label value that is not empty."""

_SUBDOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
_NOT_SUBDOMAIN = (
    "must be a Kubernetes object name: lower-case letters, digits, - and ., starting and ending with a letter or digit"
)
DnsSubdomain = Annotated[str, Field(max_length=253), matches(f"^{_SUBDOMAIN}$", _NOT_SUBDOMAIN)]
"""RFC 1123 subdomain: names of Secrets, ConfigMaps and most objects."""

DnsSubdomainOrEmpty = Annotated[str, Field(max_length=253), matches(f"^({_SUBDOMAIN})?$", _NOT_SUBDOMAIN)]

Namespace = Annotated[
    str,
    Field(max_length=63),
    matches(
        r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        "must be a namespace's name: lower-case letters, digits and -, starting and ending with a letter or digit",
    ),
]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
NodePort = Annotated[int, Field(ge=30000, le=32767)]
PortName = Annotated[
    str,
    Field(max_length=15),
    matches(
        r"^([a-z0-9]+-)*[0-9]*[a-z][a-z0-9]*(-[a-z0-9]+)*$",
        "must be a port name: lower-case letters, digits and single -, with at least one letter, such as http",
    ),
]
"""IANA service name, RFC 6335 section 5.1."""

HttpPath = Annotated[
    str,
    Field(max_length=256),
    matches(
        r"^/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$",
        "must be a URL path that starts with /, without spaces, ? and #",
    ),
]
MountPath = Annotated[
    str,
    Field(max_length=256),
    matches(
        r"^(/[A-Za-z0-9._~@+=,-]*[A-Za-z0-9_~@+=,-][A-Za-z0-9._~@+=,-]*)+$",
        "must be an absolute path such as /etc/scan, without //, /./, /../, spaces or a slash at the end",
    ),
]
FreeMountPath = Annotated[
    MountPath,
    Check(
        Rule(
            "self != '/tmp'",
            "must not be /tmp: every pod has that as a scratch folder of its own",
            lambda path: path != "/tmp",  # noqa: S108
        )
    ),
]
EnvName = Annotated[
    str,
    Field(max_length=128),
    matches(
        r"^[A-Za-z_][A-Za-z0-9_]*$",
        "must be the name of a variable: letters, digits and _, not starting with a digit",
    ),
]
DataKey = Annotated[
    str,
    Field(max_length=253),
    matches(
        r"^[-._a-zA-Z0-9]*[-_a-zA-Z0-9][-._a-zA-Z0-9]*$",
        "must be a key of a Secret or ConfigMap: letters, digits, -, _ and ., not only dots",
    ),
]
"""A key of a Secret or ConfigMap."""

LabelValue = Annotated[
    str,
    Field(max_length=63),
    matches(
        r"^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",
        "must be a label value: letters, digits, -, _ and ., starting and ending with a letter or digit",
    ),
]
_METADATA_KEY = rf"^({_SUBDOMAIN}/)?[A-Za-z0-9]([-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?$"
_metadata_key = re.compile(_METADATA_KEY, re.ASCII)
MetadataKey = Annotated[
    str,
    Field(max_length=317),
    matches(_METADATA_KEY, "must be at most 63 letters, digits, -, _ and ., after an optional prefix and /"),
]
"""The key of a label, an annotation or a taint."""

METADATA_KEYS: Final = Check(
    Rule(
        f'self.all(k, size(k) <= 317 && k.matches(r"{_METADATA_KEY}"))',
        "keys must be label keys: at most 63 letters, digits, -, _ and ., after an optional prefix and /",
        lambda keys: all(len(key) <= 317 and _metadata_key.fullmatch(key) for key in keys),
    )
)
"""Of maps of labels or annotations. A schema cannot bound keys, so the rule does."""

NodeLabels = Annotated[dict[str, LabelValue], Field(max_length=16), METADATA_KEYS]
Argument = Annotated[str, Field(max_length=4096)]

_QUANTITY = (
    r"^([0-9]{1,15}(\.[0-9]{1,3})?|[0-9]{1,15}m"
    r"|[0-9]{1,9}(\.[0-9]{1,3})?([KMG]i|[kMG])|[0-9]{1,6}(\.[0-9]{1,3})?(Ti|T))$"
)
"""Only what the API server stores with the same value: it rounds below one thousandth and caps at 8Ei."""
_quantity = re.compile(_QUANTITY, re.ASCII)
_SUFFIXES = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}


def quantity(text: str) -> Decimal:
    """The value of a resource quantity such as ``100m`` or ``128Mi``."""
    if text.endswith("i"):
        return Decimal(text[:-2]) * Decimal(1024) ** ("KMGTPE".index(text[-2]) + 1)
    if text[-1] in _SUFFIXES:
        return Decimal(text[:-1]).scaleb(_SUFFIXES[text[-1]])
    return Decimal(text)


def _int_as_text(value: Any) -> Any:
    return str(value) if type(value) is int and abs(value) < 2**63 else value


_QUANTITY_RULE = Rule(
    f'type(self) == int ? self >= 0 : self.matches(r"{_QUANTITY}")',
    "must be a quantity such as 100m, 2 or 128Mi",
    lambda value: _quantity.fullmatch(value) is not None,
)
Quantity = Annotated[
    str,
    Field(max_length=32),
    Check(_QUANTITY_RULE),
    BeforeValidator(_int_as_text),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 32,
            "x-kubernetes-int-or-string": True,
            VALIDATIONS: [_QUANTITY_RULE.schema],
        }
    ),
]
"""A resource quantity, ``100m`` or ``128Mi`` (apimachinery, resource.Quantity), never negative."""

_SHARE = r"^(100|[1-9]?[0-9])%$"
_share = re.compile(_SHARE, re.ASCII)
_SHARE_RULE = Rule(
    f'type(self) == int ? self >= 0 && self <= 1000 : self.matches(r"{_SHARE}")',
    "must be a number from 0 to 1000 or a share such as 25%",
    lambda value: 0 <= value <= 1000 if isinstance(value, int) else _share.fullmatch(value) is not None,
)
IntOrPercent = Annotated[
    int | str,
    Check(_SHARE_RULE),
    WithJsonSchema(
        {
            "anyOf": [{"type": "integer"}, {"type": "string"}],
            "maxLength": 4,
            "x-kubernetes-int-or-string": True,
            VALIDATIONS: [_SHARE_RULE.schema],
        }
    ),
]

_DURATION_PART = re.compile(r"([0-9]+)(ms|s|m|h)", re.ASCII)
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}


def milliseconds(duration: str) -> int:
    """The length of a duration such as ``1h30m``."""
    return sum(int(number) * _MILLISECONDS[unit] for number, unit in _DURATION_PART.findall(duration))


Duration = Annotated[
    str,
    Field(max_length=16),
    matches(r"^([0-9]{1,5}(ms|s|m|h)){1,4}$", "must be a duration such as 60s or 1h30m"),
]
"""A duration such as ``60s`` or ``1h30m``, in the form of the Gateway API (GEP-2257)."""


def without_nulls(value: Any) -> Any:
    """The same JSON without object entries that are null: the API server drops them before it looks at the rest."""
    if isinstance(value, Mapping):
        return {key: without_nulls(entry) for key, entry in value.items() if entry is not None}
    if isinstance(value, list):
        return [without_nulls(entry) for entry in value]
    return value
