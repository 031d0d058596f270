"""What a cluster must have for the operator: one module per kind of thing, each a list of findings."""
