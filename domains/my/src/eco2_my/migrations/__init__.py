"""How the schema `my` came to be, step by step."""
