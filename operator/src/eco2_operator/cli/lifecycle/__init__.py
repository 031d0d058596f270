"""Asking the operator for something by an annotation, and following what comes of it."""
