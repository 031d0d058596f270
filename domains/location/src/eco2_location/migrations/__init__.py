"""How the schema `location` came to be, step by step."""
