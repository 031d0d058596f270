"""How the schema `scan` came to be, step by step."""
