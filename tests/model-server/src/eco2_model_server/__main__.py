"""``eco2-model-server`` and ``python -m eco2_model_server``."""

import click
import uvicorn

from eco2_model_server.application import create_world

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  compared, not listened on


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Be the OpenAI API and Azure AI Vision, for tests and the local product."""


@main.command()
@click.option("--host", envvar="LISTEN_HOST", default="127.0.0.1", show_default=True)
@click.option("--port", envvar="LISTEN_PORT", default=8000, show_default=True)
def serve(host: str, port: int) -> None:
    """Answer requests until SIGTERM."""
    reachable = "localhost" if host in _EVERYWHERE else host
    click.echo(f"OPENAI_BASE_URL=http://{reachable}:{port}/v1")
    click.echo(f"AZURE_VISION_ENDPOINT=http://{reachable}:{port}")
    uvicorn.run(create_world().app, host=host, port=port, lifespan="off", ws="none", access_log=False)


if __name__ == "__main__":
    main(prog_name="eco2-model-server")
