"""Where the programs of the gateway come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["istio", "local"]
"""``istio``: the images that Istio publishes. ``local``: built here, without any image registry."""

HUB = "docker.io/istio"
RELEASE = "1.30.0"
"""The release nearest to the commit of the Go module (`tools.ISTIO_VERSION`): that is ten days past its branching."""


@dataclass(frozen=True)
class Images:
    """References of the two images, as Istio's charts make them up."""

    hub: str
    tag: str

    @classmethod
    def of(cls, source: Source) -> Images:
        """What is installed from a source."""
        return cls(HUB, RELEASE if source == "istio" else f"{RELEASE}-local")

    @property
    def pilot(self) -> str:
        """The control plane."""
        return f"{self.hub}/pilot:{self.tag}"

    @property
    def proxy(self) -> str:
        """Envoy and its agent."""
        return f"{self.hub}/proxyv2:{self.tag}"
