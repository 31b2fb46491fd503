"""What a page says of its figures: a title, and how to read them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The words of a panel.

    Attributes:
        name: of the figure.
        title: what stands above it.
        about: how to read it; may be empty.
        place: panels stand in the order of this number.
    """

    name: str
    title: str
    about: str
    place: int


LAST = 99

ABOUT = {
    "curves": (
        "Results over the run",
        "Tests are on a fixed set of tasks that no teacher hears of. Point at a line for its values; the "
        "buttons change what it is drawn against.",
    ),
    "reliability": (
        "How reliable is the order?",
        "Left: how many test tasks reach a score at the end. Right: how often a run of a teacher beats a run "
        "of the baseline; where the interval holds 0.5, these runs cannot tell.",
    ),
    "frontier": (
        "What each teacher sampled, and what was solved",
        "Stretches of the run from left to right.",
    ),
    "tests": ("Each test task at the end", "Where on the test set a teacher's students succeed and fail."),
    "tasks": (
        "Each test task over the run",
        "Rows are test tasks: which were learnt when, and which were forgotten again.",
    ),
    "solved": ("Success on test tasks with names", ""),
    "worst": ("The worst levels", "Success on the hardest share of the test levels."),
    "learning": (
        "What the teachers report of themselves",
        "The score of training, then each teacher's own numbers, learning progress first.",
    ),
    "acting": (
        "Did the teachers act?",
        "A teacher that steers no rows, or hears of them too late, cannot help. Random teachers steer none.",
    ),
    "stages": ("Stages over the run", "What a teacher of training stages chose."),
    "buffer": ("The buffers of levels", "What is in them: fill, scores, staleness."),
    "lineage": ("Lineage of levels", "From which level a level of the end came, by edits."),
    "sampling": ("Tasks over the run", "Where each teacher sampled, by stretches of the run."),
}
"""Title and text of figures, in the order of the page; names may have an end of their own after these."""


def words_of(name: str) -> Words:
    """Return the words of a figure by its name; figures of users' own have their name as title."""
    for place, (known, (title, about)) in enumerate(ABOUT.items()):
        if name == known:
            return Words(name, title, about, place)
        # Figures of one teacher, or of one of several task spaces, say which.
        if name.startswith(f"{known}-"):
            return Words(name, f"{title}: {name.removeprefix(known + '-')}", about, place)
    return Words(name, name.replace("_", " ").replace("-", " "), "", LAST)
