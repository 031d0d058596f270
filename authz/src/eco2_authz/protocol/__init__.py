"""Envoy's external authorization protocol, and gRPC's health protocol: octets to objects and back."""
