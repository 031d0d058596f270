"""Ways to serve the same answers: `fast` is our own HTTP/2, `grpcio` the reference implementation."""
