"""Entries of runs that are compared, and the notes of a comparison."""

from __future__ import annotations


def teacher(name, **options):
    return {"name": name, "options": options}


def timed(student, teacher=0.0, **costs):
    """Return ledger entries that grow to these values over a run."""
    ends = {"seconds/student": student, "seconds/teacher": teacher}
    ends |= {f"cost/{name}": value for name, value in costs.items()}
    return lambda share: {name: share * value for name, value in ends.items()}


def the_note(comparison, words):
    """Return the only note with these words."""
    (note,) = (note for note in comparison.notes if words in note)
    return note
