"""Specs with which domains were Ready."""
