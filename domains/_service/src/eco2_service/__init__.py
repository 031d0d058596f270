"""What is the same in every domain service."""
