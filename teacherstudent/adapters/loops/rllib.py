"""A teacher beside an algorithm of RLlib (new API stack): metrics, checkpoints, and tests that stay tests."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Self

import gymnasium as gym

from teacherstudent.adapters.gymnasium import TeacherEnv
from teacherstudent.adapters.serving.client import TeacherClient
from teacherstudent.adapters.serving.server import forget_rows
from teacherstudent.adapters.vector import TeacherVectorEnv
from teacherstudent.adapters.watching import drop_open, load
from teacherstudent.contract.teacher import Teacher
from teacherstudent.recording.disk import checkpoint
from teacherstudent.recording.disk.files import check_file

try:
    import pyarrow.fs
    from ray.rllib.callbacks.callbacks import RLlibCallback
except ImportError as error:
    raise ImportError(
        f"TeacherRLlibCallback: expected RLlib; install it with pip install 'teacherstudent[rllib]' ({error})"
    ) from error

FILE = "teacher.npz"
"""The teacher's file in the folder of a checkpoint."""


class TeacherRLlibCallback(RLlibCallback):  # type: ignore[misc]  # Ray has no types
    """Saves and loads a teacher with an algorithm of RLlib, logs its metrics, and keeps tests from it.

    ``config.callbacks(TeacherRLlibCallback(teacher))``, beside environments that are `TeacherEnv` and a
    `TeacherServer`, which the workers reach. Checkpoints of the algorithm (``save_to_path``, Tune's) hold the
    teacher in ``teacher.npz``; ``restore_from_path`` of an algorithm that was built with a teacher loads it
    and drops what was open. Results hold its metrics under ``teacher``.

    It refuses environments under which no `TeacherEnv` is found in training, and those that have one in an
    evaluation, where the teacher would hear of tests: give ``evaluation_config`` another environment or
    ``env_config``. (Environments in processes of their own, ``gym_env_vectorize_mode="ASYNC"``, cannot be
    looked into.)

    The algorithm lives in the process that made the teacher; under Tune, make both in the trainable.

    Args:
        teacher: of this process.

    Attributes:
        teacher: as given; None in other processes, which need none.
        dropped: how many tasks were open in the checkpoint that was loaded last.

    Raises:
        TypeError: if ``teacher`` is no teacher, or a client of one.
    """

    def __init__(self, teacher: Teacher[Any] | None) -> None:
        super().__init__()
        if isinstance(teacher, TeacherClient):
            raise TypeError(
                "TeacherRLlibCallback: teacher: expected a teacher of this process, as it is saved with the "
                f"algorithm, got a client of {teacher.address}"
            )
        if teacher is not None and not isinstance(teacher, Teacher):
            raise TypeError(f"TeacherRLlibCallback: teacher: expected a Teacher, got {teacher!r}")
        self.teacher = teacher
        self.dropped = 0

    def __call__(self) -> Self:
        """Return itself: RLlib calls what it is given to make the callback."""
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Return itself: a copied config must not hold a copied teacher."""
        return self

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        # Workers only look at environments, and a checkpoint has the teacher in a file of its own.
        return type(self), (None,)

    def on_algorithm_init(self, *, algorithm: Any, **kwargs: Any) -> None:
        """Let the algorithm's checkpoints hold the teacher."""
        if self.teacher is None:
            raise RuntimeError(
                "TeacherRLlibCallback: expected the process that made the teacher, got a pickle of the "
                "config: build the algorithm from a config of this process, then restore_from_path(path)"
            )
        save = algorithm.save_to_path
        restore = algorithm.restore_from_path

        def save_to_path(path: Any = None, *, filesystem: Any = None, **options: Any) -> str:
            written: str = save(path, filesystem=filesystem, **options)
            # What is returned lacks the scheme of a path like s3://...
            self._save(written if path is None else path, filesystem)
            return written

        def restore_from_path(path: Any, *args: Any, filesystem: Any = None, **options: Any) -> None:
            # A part of the checkpoint has no teacher.
            if options.get("component") is not None:
                restore(path, *args, filesystem=filesystem, **options)
                return
            # Read first, so that a checkpoint without a teacher changes nothing.
            state = self._read(path, filesystem)
            restore(path, *args, filesystem=filesystem, **options)
            # Episodes under way play tasks that the loaded teacher does not know.
            algorithm.env_runner_group.foreach_env_runner(_make_anew)
            self._load(state)

        # RLlib has no callback for saving: these are the two ways of all its checkpoints.
        algorithm.save_to_path = save_to_path
        algorithm.restore_from_path = restore_from_path

    def on_train_result(self, *, result: dict[str, Any], **kwargs: Any) -> None:
        """Add the teacher's metrics to the results."""
        if self.teacher is not None:
            with self.teacher.lock:
                result["teacher"] = self.teacher.metrics()

    def on_environment_created(self, *, env_runner: Any, env: Any, **kwargs: Any) -> None:
        """Refuse environments that tell the teacher of tests, or of nothing."""
        taught = _taught(env)
        if taught is None:
            return
        testing = bool(env_runner.config.in_evaluation)
        if testing and taught:
            raise ValueError(
                "TeacherRLlibCallback: expected environments without a TeacherEnv in an evaluation, as the "
                "teacher would hear of tests: give evaluation(evaluation_config={'env_config': {'test': "
                "True}}) and let the environment's creator leave the wrapper out there"
            )
        if not testing and not taught:
            raise ValueError(
                f"TeacherRLlibCallback: expected environments with a TeacherEnv inside, got {env}: no "
                "teacher chooses their tasks"
            )

    def _save(self, path: Any, filesystem: Any) -> None:
        assert self.teacher is not None
        there, folder = _found(path, filesystem)
        with tempfile.TemporaryDirectory() as here:
            file = check_file("TeacherRLlibCallback", os.path.join(here, FILE))
            checkpoint.save(file, {"teacher": self.teacher.state_dict()})
            with there.open_output_stream(f"{folder}/{FILE}") as stream:
                stream.write(Path(file).read_bytes())

    def _read(self, path: Any, filesystem: Any) -> Any:
        there, folder = _found(path, filesystem)
        info = there.get_file_info(f"{folder}/{FILE}")
        if info.type != pyarrow.fs.FileType.File:
            raise FileNotFoundError(
                f"TeacherRLlibCallback: expected {FILE} in the checkpoint {path}, got none: it was saved "
                "by an algorithm without this callback"
            )
        with tempfile.TemporaryDirectory() as here:
            file = Path(here) / FILE
            with there.open_input_stream(f"{folder}/{FILE}") as stream:
                file.write_bytes(stream.read())
            state = load(file, "TeacherRLlibCallback", ("teacher",))
        return state["teacher"]

    def _load(self, state: Any) -> None:
        assert self.teacher is not None
        self.teacher.load_state_dict(state)
        forget_rows(self.teacher)
        self.dropped = drop_open(self.teacher)


def _make_anew(env_runner: Any) -> None:
    """Make a runner's environments anew; the next sample begins with a reset."""
    env_runner.make_env()


def _found(path: Any, filesystem: Any) -> tuple[Any, str]:
    """Return the file system of a path, and the path there."""
    name = os.fspath(path)
    if filesystem is not None:
        return filesystem, name
    if "://" in name:
        found: tuple[Any, str] = pyarrow.fs.FileSystem.from_uri(name)
        return found
    return pyarrow.fs.LocalFileSystem(), os.path.abspath(name)


def _taught(envs: Any) -> bool | None:
    """Return whether environments tell a teacher; None if that cannot be seen."""
    outer = envs
    while isinstance(outer, gym.Wrapper | gym.vector.VectorWrapper):
        if isinstance(outer, TeacherEnv | TeacherVectorEnv):
            return True
        outer = outer.env
    if isinstance(outer, gym.vector.SyncVectorEnv):
        return any(_taught(env) for env in outer.envs)
    if isinstance(outer, gym.vector.VectorEnv):
        return None
    return False
