"""The schema `auth`, step by step."""
