"""The keys that tokens are verified with, and where they come from."""
