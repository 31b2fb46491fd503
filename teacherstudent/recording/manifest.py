"""What a manifest must say, writing and reading it, and comparing a run with the one that it resumes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from teacherstudent.contract.checks import is_number, is_whole
from teacherstudent.recording.disk import plain
from teacherstudent.recording.folder import MANIFEST, remove_leftovers

FORMAT = plain.SEALED
"""Version of the run folder; a reader refuses newer ones. Those of version 1 have no checksums."""

FIXED = ("family", "teacher", "student", "seed", "test_set", "mastered", "space")
"""What a manifest must say and a resumed run must keep."""


def check_manifest(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the manifest with defaults filled in, or raise ValueError naming what it lacks."""
    missing = sorted({*FIXED, "budget"} - manifest.keys())
    if missing:
        raise ValueError(f"manifest: expected {sorted({*FIXED, 'budget'})}, missing {missing}")
    for role in ("family", "teacher", "student"):
        entry = manifest[role]
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise ValueError(f"manifest: {role}: expected a mapping with a name and options, got {entry!r}")
        # Runs of objects of one's own have names alone; readers need not ask whether there are options.
        entry.setdefault("options", {})
        for name, part in entry.items():
            kind = dict if name.endswith("options") else str
            if name in ("name", "label", "options", "student_options", "family_options") and not isinstance(
                part, kind
            ):
                raise ValueError(f"manifest: {role}.{name}: expected {plain.KINDS[kind]}, got {part!r}")
    # Older folders lack these; they hold what was then the only choice.
    found = {"cost_unit": "environment steps", "score_name": "return"} | manifest
    for name in ("test_set", "cost_unit", "score_name"):
        if not isinstance(found[name], str):
            raise ValueError(f"manifest: {name}: expected a text, got {found[name]!r}")
    for name in ("budget", "mastered"):
        if not (is_number(found[name]) or (name == "mastered" and found[name] is None)):
            raise ValueError(f"manifest: {name}: expected a number, got {found[name]!r}")
    _check_described(found["space"])
    return found


def _check_described(space: Any) -> None:
    """Raise ValueError unless this may be a space that `spaces.describe` described."""
    names = space.get("names", []) if isinstance(space, dict) else None
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise ValueError(f"manifest: space: expected a described space, got {space!r}")


def check_same(there: Mapping[str, Any], asked: Mapping[str, Any], where: str) -> None:
    """Raise ValueError that names the first thing in which a run differs from the one to resume.

    Args:
        there: the manifest of the run to resume.
        asked: that of the run, as plain data, or a part of it.
        where: how the message calls the first.
    """
    # The names come before the settings: "another teacher" says more than the first option that differs.
    for name in (*FIXED[:4], "settings", *FIXED[4:]):
        # Older folders have no settings, so that nothing can be compared.
        if name not in asked or (name == "settings" and name not in there):
            continue
        if (found := plain.first_difference(there.get(name), asked[name], name)) is not None:
            raise ValueError(f"{where}: {found}")


def read_manifest(path: Path) -> dict[str, Any]:
    """Return a manifest with defaults filled in.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is unreadable, damaged, of a newer version, or no manifest; the message names it.
    """
    manifest = plain.read_sealed(path)
    if not is_whole(manifest.get("format")):
        raise ValueError(f"{path}: expected the manifest of a run, got one without a format number")
    try:
        # A damaged manifest should say which file it is, so the checks below name only the entry.
        _check_sessions(manifest.get("sessions", []))
        return check_manifest(manifest)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _check_sessions(sessions: Any) -> None:
    """Raise ValueError unless these are records of when, where and with which versions a run went on."""
    parts = ("versions", "machine", "git")
    # Anything but a list is checked as one bad session, which gives the same message.
    if not isinstance(sessions, list):
        sessions = [None]
    for session in sessions:
        if not (isinstance(session, dict) and all(isinstance(session.get(p, {}), dict) for p in parts)):
            raise ValueError(f"manifest: sessions: expected a list of names and values, got {session!r:.200}")


def begin(folder: Path, asked: dict[str, Any], session: Mapping[str, Any], *, fresh: bool) -> dict[str, Any]:
    """Write the manifest of a new run, or check and extend that of the run to resume; return it.

    Args:
        folder: of the run, whose lock the caller holds.
        asked: a checked manifest.
        session: where and by what the run goes on.
        fresh: whether the run is new.

    Raises:
        FileExistsError: if a new run is to start in a folder that holds one.
        ValueError: if a run that is resumed differs.
    """
    path = folder / MANIFEST
    # Checked under the lock: two processes that start at once cannot both find the folder empty.
    if fresh and path.exists():
        raise FileExistsError(
            f"{folder}: expected a folder without a run, got one that holds a run; resume that run, or choose"
            " another folder"
        )
    there: dict[str, Any] = read_manifest(path) if path.exists() else {"format": FORMAT}
    # Compared before anything is written: a run of other settings must not touch the folder.
    if path.exists():
        check_same(there, asked, str(path))
    # Only now is it certain that this process owns the folder.
    remove_leftovers(folder)
    sessions: list[Any] = [*there.get("sessions", []), session]
    # What the new session says counts, but older entries that it does not have stay.
    manifest = {**there, **asked, "sessions": sessions}
    # Services know a run by its identity, which a resumed run keeps.
    if "logged" in asked and "logged" in there:
        manifest["logged"] = {**asked["logged"], "id": there["logged"]["id"]}
    plain.write_sealed(path, manifest)
    return manifest
