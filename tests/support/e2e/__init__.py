"""A kind cluster with the whole product: what the end-to-end tests see of it and do to it."""
