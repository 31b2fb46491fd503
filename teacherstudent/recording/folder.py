"""What a run folder consists of, and what must not be found in it when a run begins to write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from teacherstudent.recording.disk.files import refuse_links, remove_temporaries

MANIFEST = "manifest.json"
STATUS = "status.json"
LOCK = ".lock"
"""The file on which the mark of a process that writes is held."""
EPISODES = "episodes"
TESTS = "tests"
TESTS_FILE = "tests.parquet"
TEACHER_FILE = "teacher.jsonl"
FAILED_FILE = "failed.jsonl"
"""Tasks whose environment failed, one a line."""
EVENTS = "tensorboard"
CHECKPOINTS = "checkpoints"
WANDB = "wandb"
"""Where Weights & Biases keeps its local files; it makes links in there itself."""
CRASH = "crash.txt"
"""The traceback of a run that died before, or outside of, its recorder."""

FILES = (MANIFEST, STATUS, LOCK, TESTS_FILE, TEACHER_FILE, FAILED_FILE, CRASH)
FOLDERS = (EPISODES, TESTS, EVENTS, CHECKPOINTS)


def check_folder_of_run(folder: Path) -> None:
    """Raise ValueError that names a link, pipe or device where a run would write or delete."""
    # Checked before anything is written: a link in a folder
    # from elsewhere could lead writes and removals out of it.
    refuse_links(folder / name for name in (*FILES, *FOLDERS, WANDB))
    refuse_links(_inside(folder))


def _inside(folder: Path) -> Iterator[Path]:
    for name in FOLDERS:
        if (folder / name).is_dir():
            yield from (folder / name).iterdir()


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of killed processes; whoever calls holds the folder's lock."""
    for place in (folder, *(folder / name for name in FOLDERS)):
        remove_temporaries(place)
