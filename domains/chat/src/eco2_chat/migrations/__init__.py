"""How the schema `chat` came to be, step by step."""
