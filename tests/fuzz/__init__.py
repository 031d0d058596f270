"""Millions of random cases for everything that reads foreign octets."""
