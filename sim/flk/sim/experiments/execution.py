"""Tasks on all cores of a machine, or of a cluster: joblib spreads them, results come back in any order.

What all tasks share goes to each worker once: as an array, which joblib's processes map into memory and a Dask cluster scatters.
joblib joins tasks into batches of some 200 ms, so short ones cost little to send.
"""

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from importlib import import_module
from itertools import takewhile
from typing import Any, NamedTuple, Protocol, TypeVar

import cloudpickle  # type: ignore[import-untyped]  # it carries no types
import joblib
import numpy as np
from numpy.typing import NDArray

from flk.spec.collection import seldom_collected
from flk.spec.errors import UnusableInput
from flk.spec.hints import nearest

PROCESSES, IN_PROCESS, DASK, RAY = "processes", "none", "dask", "ray"
BACKENDS = (PROCESSES, IN_PROCESS, DASK, RAY)


class Labelled(Protocol):
    """A task that says in a message what it is."""

    @property
    def label(self) -> str:
        """Such as scenario and seed."""
        ...


S = TypeVar("S")
T = TypeVar("T", bound=Labelled)
R = TypeVar("R")


class WorkerFailed(Exception):
    """A task raised an exception; the text names the task and holds the worker's traceback."""


class _Failure(NamedTuple):
    text: str
    unusable: bool


def run_all(
    work: Callable[[S, T], R], shared: S, tasks: Iterable[T], *, workers: int = -1, backend: str = PROCESSES
) -> Iterator[R]:
    """What `work(shared, task)` returns for every task, as it comes in. `work` is a function of a module.

    `workers` counts processes, -1 for all cores; with one, or with the backend `none`, everything happens here and in order. A
    backend is `processes`, `dask`, `dask:ADDRESS` for a scheduler that is there, `ray` or `ray:ADDRESS`. Tasks are taken from the
    iterable as there is room for them, so an iterable that ends early ends the work.

    Raises WorkerFailed for a task that failed, and UnusableInput if a task did or if the backend cannot be used.
    """
    kind, _, address = backend.partition(":")
    if kind not in BACKENDS:
        raise UnusableInput(f"--backend {backend}: unknown backend; {nearest(kind, BACKENDS)}")
    if kind == IN_PROCESS or (kind == PROCESSES and workers == 1):
        with seldom_collected():
            for task in tasks:
                yield _unwrapped(_attempt(work, shared, task))
        return
    image = np.frombuffer(cloudpickle.dumps(shared), dtype=np.uint8)
    name = blake2b(image.tobytes(), digest_size=16).hexdigest()
    failures: list[_Failure] = []
    calls = (joblib.delayed(_remote)(work, name, image, task) for task in takewhile(lambda _: not failures, tasks))
    with _joblib(kind, address, workers):
        for outcome in joblib.Parallel(n_jobs=workers, return_as="generator_unordered", max_nbytes=1024)(calls):
            if isinstance(outcome, _Failure):
                failures.append(outcome)  # no further task begins; those under way are let finish
            elif not failures:
                yield outcome
    for failure in failures:
        _unwrapped(failure)


@contextmanager
def _joblib(kind: str, address: str, workers: int) -> Iterator[None]:
    """Sets joblib up for a backend; a cluster that was started for it is stopped after it."""
    if kind == PROCESSES:
        with joblib.parallel_config(backend="loky"):
            yield
    elif kind == DASK:
        with _dask_client(address, workers) as client, joblib.parallel_config(backend="dask", client=client):
            yield
    else:
        _register_ray(address, workers)
        with joblib.parallel_config(backend="ray"):
            yield


@contextmanager
def _dask_client(address: str, workers: int) -> Iterator[object]:
    """A client of the scheduler at the address, or of a cluster on this machine."""
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise UnusableInput("--backend dask: distributed is not installed; pip install 'flk-lab[cluster]'") from None
    if address:
        try:
            client = distributed.Client(address, set_as_default=False)
        except (OSError, ValueError) as error:
            raise UnusableInput(f"--backend dask:{address}: no scheduler answers there: {error}") from None
        with client:
            yield client
        return
    number = joblib.cpu_count() if workers < 1 else workers
    with (
        distributed.LocalCluster(n_workers=number, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _register_ray(address: str, workers: int) -> None:
    try:
        ray: Any = import_module("ray")
        ray_joblib: Any = import_module("ray.util.joblib")
    except ImportError:
        raise UnusableInput("--backend ray: ray is not installed; pip install ray") from None
    if not ray.is_initialized():
        ray.init(address=address or None, num_cpus=None if address or workers < 1 else workers)
    ray_joblib.register_ray()


_opened: dict[str, object] = {}


def _remote(work: Callable[[S, T], R], name: str, image: NDArray[np.uint8], task: T) -> R | _Failure:
    """Do a task in a worker, which unpacks what is shared when it first meets it."""
    if name not in _opened:
        _opened.clear()
        _opened[name] = cloudpickle.loads(image.tobytes())
    shared: Any = _opened[name]
    return _attempt(work, shared, task)


def _attempt(work: Callable[[S, T], R], shared: S, task: T) -> R | _Failure:
    try:
        return work(shared, task)
    except UnusableInput as error:
        return _Failure(str(error), unusable=True)
    except Exception:  # noqa: BLE001 - raised again where the result is awaited; some backends would lose it
        return _Failure(f"{task.label}\n{traceback.format_exc()}", unusable=False)


def _unwrapped(outcome: R | _Failure) -> R:
    if isinstance(outcome, _Failure):
        raise UnusableInput(outcome.text) if outcome.unusable else WorkerFailed(outcome.text)
    return outcome
