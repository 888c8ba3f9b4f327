"""Ray, started quietly and shut down cleanly."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from semsim.errors import SemsimError
from semsim.triton_first import import_triton_first

#: For this process and, through Ray, for all workers: nothing is reported to anybody, RLlib does
#: not load TensorFlow where it happens to be installed, no worker spreads over all cores, and they
#: compute at the priority of any other process.
QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_DEDUP_LOGS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_worker_niceness": "0",
    "RLLIB_TEST_NO_TF_IMPORT": "1",
    "RLLIB_TEST_NO_JAX_IMPORT": "1",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "OMP_NUM_THREADS": "1",
}
#: Loggers that tell of what is as it should be.
_LOUD = "ray.rllib", "ray.tune", "ray.train"


@contextmanager
def environment(values: Mapping[str, str], *restored: str) -> Iterator[None]:
    """Have environment variables while the block runs; those ``restored`` are only put back."""
    before = {name: os.environ.get(name) for name in (*values, *restored)}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def ray_session(
    workers: int | None = None, *, gpus: int | None = None, address: str | None = None
) -> Iterator[None]:
    """Have Ray while the block runs: one of our own on this machine, or the cluster at ``address``.

    Without dashboard, without log lines of workers, and with none of its processes left behind
    afterwards. Where the process is connected already, that connection is used, and kept.

    Args:
        workers: CPUs that Ray may give out on this machine; all by default.
        gpus: GPUs that Ray may give out on this machine; all by default.
        address: of a running cluster, as `ray start` prints it; ``auto`` finds it.

    Raises:
        SemsimError: if Ray is not installed, or nothing answers at ``address``.
    """
    import_triton_first()
    # Ray chooses how processes prove who they are, and leaves that in the environment.
    with environment(QUIET, "RAY_AUTH_MODE"):
        try:
            import ray
        except ImportError as error:
            raise SemsimError("Ray is not installed: pip install 'semsim-net[agents]'") from error
        for name in _LOUD:
            logging.getLogger(name).setLevel(logging.ERROR)
        if ray.is_initialized():
            yield
            return
        try:
            ray.init(
                address=address or "local",
                include_dashboard=None if address else False,
                log_to_driver=False,
                logging_level=logging.ERROR,
                # Processes that start here inherit the variables, which costs no second start-up.
                runtime_env={"env_vars": QUIET} if address else None,
                num_cpus=None if address else workers,
                num_gpus=None if address else gpus,
            )
        except (OSError, ValueError, RuntimeError, ray.exceptions.RayError) as error:
            # Ray shows its token to no address that was named, unless it is told to.
            hint = "; if that cluster asks for a token, set RAY_AUTH_MODE=token" if address else ""
            raise SemsimError(f"Ray at {address or 'this machine'}: {error}{hint}") from error
        try:
            yield
        finally:
            ray.shutdown()
