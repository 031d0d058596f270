"""``python -m eco2_authz``."""

from eco2_authz.cli import main

if __name__ == "__main__":
    main()
