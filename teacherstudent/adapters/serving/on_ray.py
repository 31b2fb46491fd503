"""A teacher that lives in an actor of Ray, for workers anywhere in the cluster (the extra ``ray``)."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from teacherstudent.adapters.serving.client import TeacherClient
from teacherstudent.adapters.serving.server import TeacherServer
from teacherstudent.contract.teacher import Teacher


class RayTeacher:
    """A teacher in an actor of its own, with a server that every task and actor of the cluster can reach.

    Workers are given `client`, which asks and tells as in any other process. Messages between them are not
    encrypted, as Ray's own are not.

    Args:
        make: returns the teacher; it is called in the actor.
        budget: see `TeacherServer`.
        options: of the actor: ``num_cpus``, ``resources``...

    Raises:
        ImportError: if Ray is missing.
        TypeError: if ``make`` is no function.
    """

    def __init__(
        self, make: Callable[[], Teacher[Any]], *, budget: float | None = None, **options: Any
    ) -> None:
        try:
            import ray
        except ImportError as error:
            raise ImportError(
                f"RayTeacher: the package ray is missing: pip install 'teacherstudent[ray]' ({error})"
            ) from error
        if not callable(make):
            raise TypeError(f"RayTeacher: make: expected a function that returns a teacher, got {make!r}")
        self._ray: Any = ray
        self._actor: Any = self._ray.remote(_Actor).options(**options).remote(make, budget)
        # Waits until the teacher is made, so that its errors are raised here.
        self.client: TeacherClient = self._ray.get(self._actor.client.remote())

    def counts(self) -> Mapping[str, int]:
        """Return how many clients there are, and rows by what became of them (`TeacherServer.counts`)."""
        found: Mapping[str, int] = self._ray.get(self._actor.counts.remote())
        return found

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the teacher to a file of the actor's machine (raises as `Teacher.save`)."""
        self._ray.get(self._actor.save.remote(os.fspath(path)))

    def close(self) -> None:
        """End the actor; what its clients have open is dropped."""
        self._ray.get(self._actor.close.remote())
        self._ray.kill(self._actor)


class _Actor:
    """Holds the teacher and its server."""

    def __init__(self, make: Callable[[], Teacher[Any]], budget: float | None) -> None:
        import ray

        self._teacher = make()
        util: Any = ray.util
        address = f"tcp:{util.get_node_ip_address()}:0"
        self._server = TeacherServer(
            self._teacher, address=address, token=secrets.token_urlsafe(24), budget=budget
        )

    def client(self) -> TeacherClient:
        return self._server.client()

    def counts(self) -> Mapping[str, int]:
        return self._server.counts

    def save(self, path: str) -> None:
        self._teacher.save(path)

    def close(self) -> None:
        self._server.close()
