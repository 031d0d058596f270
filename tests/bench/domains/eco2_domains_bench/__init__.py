"""Measuring domain services beside bare handlers that do the same."""
