"""Pictures of a run's policy on chosen tasks: in a window, or as a film."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from teacherstudent.contract.student import Act
from teacherstudent.contract.types import Array
from teacherstudent.recording.disk.files import check_file
from teacherstudent.running.policies.saved import Saved

ENDINGS = (".gif", ".mp4")
MOST_STEPS = 10_000
"""An episode that is longer is cut in a film."""
FPS = 30
_GIF_FPS = 50
"""Viewers show GIFs no faster."""


@dataclass(frozen=True)
class Played:
    """An episode that was played.

    Attributes:
        task: ``space.shape``.
        score: its return.
        steps: its length.
        cut: whether it was ended by `MOST_STEPS`.
    """

    task: Array
    score: float
    steps: int
    cut: bool


Show = Callable[[Any], None]
"""Takes a picture ``(height, width, 3)`` of bytes; None where the environment shows it itself."""


def film(saved: Saved, tasks: Array, path: Path | str, *, greedy: bool, seed: int = 0) -> list[Played]:
    """Write a film of the policy on tasks, one after the other.

    Args:
        saved: the run's student.
        tasks: ``(n, *space.shape)``.
        path: ends in ``.gif`` or ``.mp4``.
        greedy: whether the policy takes its best actions, or draws them.
        seed: of the episodes and the actions.

    Raises:
        ValueError: if the ending is another, or the family has no pictures.
        ImportError: if a package is missing.
        OSError: if the file cannot be written; an older one of that name is untouched.
    """
    out = check_film(path)
    env = _environment(saved, "rgb_array")
    # Written beside its place first, so that an error leaves an older film as it was.
    with (
        contextlib.closing(env),
        tempfile.TemporaryDirectory(dir=out.parent, prefix=".film-") as folder,
    ):
        made = Path(folder) / out.name
        with _writer(made, _fps(env)) as write:
            played = play(env, saved.policy(greedy=greedy, seed=seed), tasks, write, seed=seed)
        os.replace(made, out)
    return played


def check_film(path: Path | str) -> Path:
    """Return a film's path.

    Raises:
        ValueError: if its ending is none of `ENDINGS`.
        ImportError: if a package is missing that writes it.
    """
    out = check_file("play", path)
    if out.suffix not in ENDINGS:
        raise ValueError(f"play: expected a file that ends in {' or '.join(ENDINGS)}, got {out}")
    packages = ("imageio", "imageio_ffmpeg") if out.suffix == ".mp4" else ("PIL",)
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ImportError(
                f"play: {out.suffix} needs the package {package}, which is missing: pip install "
                "'teacherstudent[video]'"
            )
    return out


def window(saved: Saved, tasks: Array, *, greedy: bool, seed: int = 0) -> list[Played]:
    """Show the policy on tasks in a window (arguments as `film`).

    Raises:
        ValueError: if the family has no pictures.
        RuntimeError: if there is no display.
    """
    policy = saved.policy(greedy=greedy, seed=seed)
    # Such environments open a window of their own.
    if "human" in _modes(saved):
        _check_display()
        env = _environment(saved, "human")
        with contextlib.closing(env):
            return play(env, policy, tasks, None, seed=seed)
    env = _environment(saved, "rgb_array")
    with contextlib.closing(env), _shown(_fps(env)) as show:
        return play(env, policy, tasks, show, seed=seed)


def play(env: Any, policy: Act, tasks: Array, show: Show | None, *, seed: int) -> list[Played]:
    """Play an episode of each task, and show what it looks like."""
    return [_episode(env, policy, task, show, seed=seed + number) for number, task in enumerate(tasks)]


def _episode(env: Any, policy: Act, task: Array, show: Show | None, *, seed: int) -> Played:
    """Play one episode."""
    obs, _ = env.reset(seed=seed, options={"task": task})
    first = np.ones(1, np.bool_)
    score = 0.0
    over = False
    steps = 0
    _look(env, show)
    while not over and steps < MOST_STEPS:
        # A policy acts on batches: this one has a single row.
        (action,) = policy(_batch(obs), first)
        obs, reward, terminated, truncated, _ = env.step(action)
        first = np.zeros(1, np.bool_)
        score += float(reward)
        steps += 1
        over = bool(terminated or truncated)
        _look(env, show)
    return Played(task, score, steps, cut=not over)


def _batch(obs: Any) -> Any:
    if isinstance(obs, dict):
        return {name: np.asarray(part)[None] for name, part in obs.items()}
    return np.asarray(obs)[None]


def _look(env: Any, show: Show | None) -> None:
    if show is not None:
        show(np.asarray(env.render(), np.uint8))


def _modes(saved: Saved) -> Sequence[str]:
    """Return in which ways a family's environments are drawn."""
    env = saved.family.make_env()
    try:
        return tuple(env.metadata.get("render_modes") or ())
    finally:
        env.close()


def _environment(saved: Saved, mode: str) -> Any:
    """Return an environment that is drawn.

    Raises:
        ValueError: if the family's environments draw no pictures.
    """
    modes = _modes(saved)
    if mode not in modes:
        has = f"only {', '.join(modes)}" if modes else "no picture"
        raise ValueError(
            f"play: expected environments that draw pictures (metadata['render_modes'] with {mode!r}), got "
            f"those of the family {saved.run.family_name!r}, which have {has}"
        )
    return saved.family.make_env(render_mode=mode)


def _fps(env: Any) -> float:
    return float(env.metadata.get("render_fps") or FPS)


@contextlib.contextmanager
def _writer(path: Path, fps: float) -> Iterator[Show]:
    """Yield what takes the pictures of a film; the film is whole at the end of the block."""
    if path.suffix == ".mp4":
        import imageio

        # Players want even sizes: the codec's blocks are filled up at the edges.
        with imageio.get_writer(path, fps=fps, macro_block_size=2) as writer:
            yield writer.append_data
        return
    from PIL import Image

    pictures: list[Any] = []
    # A fast film leaves out pictures, so that its pace stays that of the environment.
    every = int(np.ceil(fps / _GIF_FPS))
    count = 0

    def take(picture: Array) -> None:
        nonlocal count
        if count % every == 0:
            pictures.append(Image.fromarray(picture).quantize(64))
        count += 1

    yield take
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=round(1000 * every / fps), loop=0
    )


def _check_display() -> None:
    """Raise RuntimeError where no window can be shown."""
    linux = os.name == "posix" and os.uname().sysname == "Linux"
    if linux and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise RuntimeError("play: expected a display for a window, got none: write a film, -o run.gif")


@contextlib.contextmanager
def _shown(fps: float) -> Iterator[Show]:
    """Yield what shows pictures in a window, at the pace of the environment."""
    _check_display()
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.axis("off")
    image: Any = None

    def show(picture: Array) -> None:
        nonlocal image
        if image is None:
            image = axes.imshow(picture)
        image.set_data(picture)
        plt.pause(1.0 / fps)

    try:
        yield show
    finally:
        plt.close(figure)
