"""Eco² Operator: turns EcoDomain, EcoIngress and EcoSecretBinding resources into running, guarded workloads."""
