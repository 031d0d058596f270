"""Istio on a cluster with real pods: its control plane and the ingress gateway, from Istio's own charts."""

from eco2_testcluster.gateway.images import local_images
from eco2_testcluster.gateway.installation import install
from eco2_testcluster.gateway.source import Source

__all__ = ["Source", "install", "local_images"]
