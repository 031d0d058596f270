"""A worker, or a service, of a domain as a process of its own, as a pod would run it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from support.rabbitmq import RabbitMQ
from support.waits import eventually

TESTS = Path(__file__).parents[1]
_STOP_SECONDS = 60
_number = iter(range(1, 1_000_000))


class WorkerProcess:
    """One that runs: a process, and its children where its pool has some.

    Args:
        module: of the domain's program, such as ``eco2_scan``.
        environ: its settings.
        folder: for its log and its heartbeat.
        command: of the program: ``worker`` or ``serve``.
    """

    def __init__(self, module: str, environ: Mapping[str, str], folder: Path, *, command: str = "worker") -> None:
        name = f"{command}-{next(_number)}"
        self._command = command
        self.log = folder / f"{name}.log"
        self.heartbeat = folder / f"{name}.heartbeat"
        self._module = module
        self.environ = {
            **os.environ,
            "PYTHONPATH": f"{os.environ.get('PYTHONPATH', '')}:{TESTS}".lstrip(":"),
            "WORKER_HEARTBEAT_FILE": str(self.heartbeat),
            **environ,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running process."""
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start it; does not wait until it works."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, self._command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.environ,
            )

    def tree(self) -> list[psutil.Process]:
        """Its processes, the parent first."""
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def terminate(self) -> None:
        """Ask it to end."""
        self.process.terminate()

    def wait(self) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired."""
        return self.process.wait(_STOP_SECONDS)

    def stop(self) -> int:
        """Have it end in order. Its exit code."""
        self.terminate()
        try:
            return self.wait()
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait()

    def kill(self) -> None:
        """End it at once, with its children: as a container is killed."""
        processes = self.tree()
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(_STOP_SECONDS)
        psutil.wait_procs(processes, _STOP_SECONDS)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have it do nothing at all; its connections stay."""
        for process in self.tree():
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self.tree():
                process.send_signal(signal.SIGCONT)

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def said(self) -> str:
        """Its log."""
        return self.log.read_text()

    def end(self) -> None:
        """Stop it if it runs."""
        if self._process is not None and self.is_running():
            self.stop()


def wait_for_consumers(broker: RabbitMQ, queue: str, number: int, workers: Sequence[WorkerProcess]) -> None:
    """Wait until so many workers take messages. Raises RuntimeError when one of these ends before."""

    def are_there() -> bool:
        for worker in workers:
            if not worker.is_running():
                raise RuntimeError(f"a worker ended: {worker.said()[-4000:]}")
        return broker.consumers(queue) >= number

    eventually(are_there)


@contextmanager
def working(
    broker: RabbitMQ, queue: str, module: str, environ: Mapping[str, str], folder: Path, *, count: int = 1
) -> Iterator[list[WorkerProcess]]:
    """Start so many and wait until all take messages; they end with the block."""
    others = broker.consumers(queue)
    workers = [WorkerProcess(module, environ, folder) for _ in range(count)]
    try:
        for worker in workers:
            worker.start()
        wait_for_consumers(broker, queue, others + count, workers)
        yield workers
    finally:
        for worker in workers:
            worker.end()
