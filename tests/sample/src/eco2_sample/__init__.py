"""A small HTTP service that stands in for domains that do not exist yet, and misbehaves when asked to."""
