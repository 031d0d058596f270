"""Builders of an entrance: what an EcoIngress becomes, one module per kind."""
