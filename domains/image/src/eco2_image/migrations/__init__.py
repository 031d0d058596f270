"""How the schema `image` came to be, step by step."""
