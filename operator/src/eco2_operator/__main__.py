"""``eco2``, ``kubectl eco2`` and ``python -m eco2_operator``."""

from eco2_operator.cli.main import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
