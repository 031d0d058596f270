"""How the schema `character` came to be, step by step."""
