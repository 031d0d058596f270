"""``eco2-sample`` and ``python -m eco2_sample``."""

from eco2_sample.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main(prog_name="eco2-sample")
