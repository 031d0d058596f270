"""What a domain's image has besides its package: its program under one name, and `alembic` that knows its migrations.

Usage: domain.py ENVIRONMENT SOURCE PACKAGE. Does nothing for a package without migrations. Standard library only.
"""

import sys
from pathlib import Path

ALEMBIC = """\
#!{python} -P
from alembic.config import main

main()
"""


def main(environment: Path, source: Path, package: str) -> None:
    """Write ``bin/domain``, ``bin/alembic`` and ``alembic.ini`` (the image's ALEMBIC_CONFIG) into the environment."""
    for migrations in source.glob("src/*/migrations"):
        (environment / "bin" / "domain").symlink_to(package)
        program = environment / "bin" / "alembic"
        program.write_text(ALEMBIC.format(python=environment / "bin" / "python"))
        program.chmod(0o755)
        location = f"{migrations.parent.name}:{migrations.name}"
        (environment / "alembic.ini").write_text(f"[alembic]\nscript_location = {location}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
