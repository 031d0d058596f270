"""What ``eco2 new`` finds in the repository, and how it writes there."""
