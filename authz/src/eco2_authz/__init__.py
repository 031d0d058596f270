"""Envoy ext_authz server: verifies access tokens, refuses revoked ones and tells the services who is calling."""
