"""Builders: pure functions from a resource and a frozen context to manifests, one module per kind."""
