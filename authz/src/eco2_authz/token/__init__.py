"""One token: its form, its signature, its claims, and the memory of those that were verified."""
