"""What an apply would change: read, compare (pure), laid out."""
