"""Disposal rules for household waste: the knowledge base, and finding a rule in it."""
