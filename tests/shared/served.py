"""What worker processes of a served teacher do: importable, so that processes that are spawned find it."""

import os
import signal
import time

import numpy as np

from teacherstudent import Outcomes


def outcomes(assignment, score=1.0):
    n = len(assignment)
    return Outcomes.of(assignment, score=np.full(n, score), cost=np.ones(n), signals={"length": np.ones(n)})


def work(client, rounds, n):
    """Ask and tell."""
    for _ in range(rounds):
        client.tell(outcomes(client.ask(n)))
    client.flush()


def work_and_die(client, rounds, n):
    """Ask and tell, ask once more and be killed with these rows open."""
    work(client, rounds, n)
    client.ask(n)
    os.kill(os.getpid(), signal.SIGKILL)


def hold(client, n, pipe):
    """Ask and stay alive until the pipe says so."""
    client.ask(n)
    pipe.send("asked")
    pipe.recv()


def play(env, steps, pipe=None):
    """Play a `TeacherEnv` with action 0, and report the tasks."""
    tasks = []
    _, info = env.reset()
    for _ in range(steps):
        _, _, terminated, truncated, _ = env.step(0)
        if terminated or truncated:
            tasks.append(info["task"].tolist())
            _, info = env.reset()
    if pipe is not None:
        pipe.send(tasks)
        pipe.close()
    return tasks


def until(true, seconds=30.0):
    """Wait until something is true; return whether it ever was."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True
