"""What is asked of this domain."""
