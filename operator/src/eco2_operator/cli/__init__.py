"""The command line ``eco2``. Importing this package loads nothing: each command loads what it needs when it runs."""
