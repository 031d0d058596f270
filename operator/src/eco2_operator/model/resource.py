"""A custom resource as the builders see it: parsed, with the few metadata they may use."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from eco2_operator.errors import InvalidSpec
from eco2_operator.model.base import DNS_LABEL, Model, Rule, without_nulls
from eco2_operator.naming import GROUP, RERUN_ANNOTATION, RESTART_ANNOTATION, SUSPEND_ANNOTATION, Key

S = TypeVar("S", bound=Model)

NAME = Rule(
    f'self.metadata.name.matches(r"{DNS_LABEL}")',
    "metadata.name must be lower-case letters, digits and -, start with a letter and not end in -,"
    " at most 63 characters",
    lambda name: len(name) <= 63 and re.fullmatch(DNS_LABEL, name) is not None,
    ".metadata.name",
)
"""The children are named after the resource, and a Service's name is the strictest of them."""


@dataclass(frozen=True, slots=True)
class Resource(Generic[S]):
    """One custom resource with a valid spec."""

    key: Key
    uid: str
    generation: int
    annotations: Mapping[str, str]
    """Only the ones under eco2.growbin.app/ that a user may set; the others are nobody's business."""
    spec: S

    @property
    def name(self) -> str:
        """metadata.name."""
        return self.key.name

    @property
    def namespace(self) -> str:
        """metadata.namespace."""
        return self.key.namespace

    @property
    def suspended(self) -> bool:
        """Whether the spec or the annotation asks to leave the children alone."""
        return bool(getattr(self.spec, "suspend", False)) or is_suspended(self.annotations)

    @property
    def restart(self) -> str | None:
        """The value of the restart annotation: another value replaces the pods."""
        return self.annotations.get(RESTART_ANNOTATION)

    @property
    def rerun(self) -> str | None:
        """The value of the annotation that asks for the migration again: another value runs it once more."""
        return self.annotations.get(RERUN_ANNOTATION)


def is_suspended(annotations: Mapping[str, str]) -> bool:
    """Whether the annotation suspends the resource."""
    return annotations.get(SUSPEND_ANNOTATION) == "true"


def parse(obj: Mapping[str, Any], spec_type: type[S]) -> Resource[S]:
    """A custom resource from its JSON form.

    Raises:
        InvalidSpec: with every fault and its path, when the spec does not follow the schema.
    """
    metadata = obj["metadata"]
    if NAME.holds is not None and not NAME.holds(metadata["name"]):
        raise InvalidSpec(NAME.message)
    try:
        spec = spec_type.model_validate(without_nulls(obj.get("spec") or {}), by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidSpec(explain(error)) from None
    annotations = metadata.get("annotations") or {}
    return Resource(
        key=Key(obj["kind"], metadata.get("namespace", "default"), metadata["name"]),
        uid=metadata.get("uid", ""),
        generation=metadata.get("generation", 1),
        annotations={k: v for k, v in annotations.items() if k.startswith(f"{GROUP}/")},
        spec=spec,
    )


def explain(error: ValidationError) -> str:
    """Every fault as ``spec.path: what is wrong``, joined by ``; ``. Values are not repeated: they may be secret."""
    faults = []
    for fault in error.errors(include_url=False, include_input=False):
        path = "spec"
        for part in fault["loc"]:
            path += f"[{part}]" if isinstance(part, int) else f".{part}"
        path += fault.get("ctx", {}).get("field", "")
        message = "unknown field" if fault["type"] == "extra_forbidden" else fault["msg"]
        faults.append(f"{path}: {message}")
    return "; ".join(faults)
