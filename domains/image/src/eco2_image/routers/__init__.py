"""The endpoints, by who may ask."""
