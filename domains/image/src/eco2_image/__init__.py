"""Uploads of photos: signed, checked, cleaned."""
