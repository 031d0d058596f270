"""Reconcilers: one per kind of resource, each the story from what is wanted to what is."""
