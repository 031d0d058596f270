"""``eco2-identity-provider`` and ``python -m eco2_identity_provider``."""

import click
import uvicorn

from eco2_identity_provider.application import create_world
from eco2_identity_provider.testing import REDIRECT_BASE

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  compared, not listened on


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Be Google, Kakao and Naver, for tests and the local product."""


@main.command()
@click.option("--host", envvar="LISTEN_HOST", default="127.0.0.1", show_default=True)
@click.option("--port", envvar="LISTEN_PORT", default=8000, show_default=True)
@click.option("--base-url", envvar="BASE_URL", help="How others reach it; default: host and port.")
@click.option(
    "--redirect-base",
    "redirect_bases",
    envvar="OAUTH_REDIRECT_BASE",
    multiple=True,
    default=[REDIRECT_BASE],
    show_default=True,
    help="Of the auth domains whose callbacks are registered.",
)
def serve(host: str, port: int, base_url: str | None, redirect_bases: tuple[str, ...]) -> None:
    """Answer requests until SIGTERM."""
    reachable = "localhost" if host in _EVERYWHERE else host
    world = create_world(base_url or f"http://{reachable}:{port}", *redirect_bases)
    for name, realm in world.realms.items():
        click.echo(f"{name}: {realm.issuer} client {realm.client.id}")
    uvicorn.run(world.app, host=host, port=port, lifespan="off", ws="none", access_log=False)


if __name__ == "__main__":
    main(prog_name="eco2-identity-provider")
