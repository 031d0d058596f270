"""Sessions: families of refresh tokens, each used once."""
