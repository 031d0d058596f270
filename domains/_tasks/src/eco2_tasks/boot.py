"""Starts a worker: ``python -m eco2_tasks.boot eco2_scan.worker:WORKER``. CELERY_POOL says how it works.

Green threads replace parts of the standard library, and what was imported before keeps the blocking ones. So this
module, and what it imports before `main` has replaced them, knows nothing of the domain.
"""

import os
import sys
import tempfile
import warnings


def main() -> int:
    """Prepare the process, then work until SIGTERM. Returns the exit code."""
    pool, reference = os.environ["CELERY_POOL"], sys.argv[1]
    if pool == "eventlet":
        # psycopg would wait in C for all green threads at once; it notices gevent by itself.
        os.environ["PSYCOPG_WAIT_FUNC"] = "wait_select"
        warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    from celery import maybe_patch_concurrency

    maybe_patch_concurrency(["-P", pool])
    if pool != "prefork" or not os.environ.get("METRICS_PORT"):
        return _run(reference)
    with tempfile.TemporaryDirectory(prefix="eco2-metrics-") as folder:
        # Read when prometheus_client is imported: https://prometheus.github.io/client_python/multiprocess/
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        return _run(reference)


def _run(reference: str) -> int:
    from eco2_tasks.process import run
    from eco2_tasks.worker import load_worker

    return run(load_worker(reference))


if __name__ == "__main__":
    sys.exit(main())
