"""Who answers: the service, its version and the pod."""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_LETTER: Final = "[bcdfghjklmnpqrstvwxz2456789]"
"""Of the names that Kubernetes makes up: without vowels there are no words."""
_POD: Final = re.compile(rf"(?P<service>.+?)(-{_LETTER}{{6,10}})?-{_LETTER}{{5}}")
"""A Deployment's pod is named after it, a template's hash and some letters; a Job's has no hash."""


@dataclass(frozen=True)
class Identity:
    """What every answer says of its sender."""

    service: str
    version: str
    pod: str


def identity(environ: Mapping[str, str], *, host: str | None = None) -> Identity:
    """From SAMPLE_SERVICE, SAMPLE_VERSION and the name of the host, which in Kubernetes is the pod's."""
    pod = host or socket.gethostname()
    named = _POD.fullmatch(pod)
    service = environ.get("SAMPLE_SERVICE") or (named["service"] if named else pod)
    return Identity(service=service, version=environ.get("SAMPLE_VERSION", ""), pod=pod)
