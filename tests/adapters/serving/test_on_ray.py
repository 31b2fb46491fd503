"""A teacher in an actor of Ray."""

import builtins
import os
import sys

import numpy as np
import pytest
from adapted import HEIGHT
from served import outcomes, until

from teacherstudent import teachers
from teacherstudent.adapters.serving.on_ray import RayTeacher


def make():
    return teachers.make("riac", HEIGHT, seed=0)


def work(client, rounds):
    for _ in range(rounds):
        client.tell(outcomes(client.ask(2)))
    client.ask(1)
    client.close()


def test_a_missing_package_is_named(monkeypatch):
    real = builtins.__import__

    def without(name, *args, **options):
        if name == "ray":
            raise ImportError("no ray")
        return real(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"pip install 'teacherstudent\[ray\]'"):
        RayTeacher(make)


@pytest.fixture
def cluster(monkeypatch):
    ray = pytest.importorskip("ray")
    # Ray would write a token into the home folder.
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    # Workers find the helpers of the tests where this process finds them.
    paths = {"env_vars": {"PYTHONPATH": os.pathsep.join(sys.path)}}
    options = {"include_dashboard": False, "log_to_driver": False, "object_store_memory": 10**8}
    ray.init(num_cpus=2, runtime_env=paths, **options)
    yield ray
    ray.shutdown()


def test_tasks_of_a_cluster_share_the_teacher(cluster, tmp_path):
    teacher = RayTeacher(make, num_cpus=0)
    remote = cluster.remote(work)
    cluster.get([remote.remote(teacher.client, 20) for _ in range(3)])
    assert until(lambda: teacher.counts()["dropped"] == 3)
    counts = teacher.counts()
    assert (counts["told"], counts["asked"], counts["refused"]) == (120, 123, 0)
    teacher.save(tmp_path / "teacher.npz")
    loaded = teachers.load(tmp_path / "teacher.npz")
    assert loaded.metrics() == teacher.client.metrics()
    assert np.all(loaded.ask(3).ids >= 123)
    teacher.close()
    with pytest.raises(ConnectionError):
        teacher.client.ask()
    with pytest.raises(TypeError, match="make: expected a function"):
        RayTeacher(3)
