"""A proxy between the operator and the API server that makes faults to order and remembers every request."""
