"""eco2-authz measured beside Go servers and beside what Envoy allows any server: `make bench-authz`."""
