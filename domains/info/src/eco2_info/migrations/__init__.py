"""How the schema `info` came to be, step by step."""
