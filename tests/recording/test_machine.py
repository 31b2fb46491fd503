from __future__ import annotations

import os
import shutil
import subprocess

import numpy as np
import pytest

from teacherstudent.recording.machine import PACKAGES, commits, versions
from teacherstudent.recording.recorder import Recorder
from teacherstudent.recording.runs import Run


def test_manifest_names_versions_machine_and_commit(tmp_path, synthetic):
    Recorder(tmp_path, manifest=synthetic.manifest(note="x"), log=()).close("finished")
    manifest = Run.load(tmp_path).manifest
    assert manifest["note"] == "x"
    assert manifest["cost_unit"] == "environment steps"
    session = manifest["sessions"][0]
    assert session["versions"]["numpy"] == np.__version__
    assert session["machine"]["cpu_count"] == os.cpu_count()
    assert session["machine"]["memory_bytes"] > 0
    assert set(session["git"]) == {"working_directory", "package"}


def test_manifest_without_git(tmp_path, synthetic, monkeypatch):
    monkeypatch.setenv("PATH", "")
    Recorder(tmp_path, manifest=synthetic.manifest(), log=()).close("finished")
    session = Run.load(tmp_path).manifest["sessions"][0]
    assert session["git"] == {"working_directory": None, "package": None}


@pytest.mark.skipif(shutil.which("git") is None, reason="no git")
def test_a_commit_is_dirty_when_a_tracked_file_has_changed(tmp_path, monkeypatch):
    def git(*words):
        told = ["-c", "user.name=x", "-c", "user.email=x@y", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *told, *words], cwd=tmp_path, check=True, capture_output=True)

    monkeypatch.chdir(tmp_path)
    git("init")
    (tmp_path / "code").write_text("1")
    git("add", "code")
    git("commit", "-m", "first")
    (tmp_path / "result").write_text("untracked")
    clean = commits()["working_directory"]
    assert (len(clean["commit"]), clean["dirty"]) == (40, False)
    (tmp_path / "code").write_text("2")
    assert commits()["working_directory"] == clean | {"dirty": True}


def test_versions_of_what_is_not_installed_are_unknown(monkeypatch):
    assert versions().keys() == {"python", *PACKAGES}
    monkeypatch.setattr("teacherstudent.recording.machine.PACKAGES", ("numpy", "no-such-package"))
    found = versions()
    assert (found["numpy"], found["no-such-package"]) == (np.__version__, None)
