"""Curricula read from run folders: by hand, from a real run into a new one, and what cannot be read."""

import numpy as np
import pytest
from drawn_runs import MIXTURE

from teacherstudent import envs, run, students, teachers
from teacherstudent.comparing.curricula import read_curriculum
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording.runs import Run

LATER = MIXTURE | {"means": MIXTURE["means"] + 1}


def snapshot(share):
    """A mixture that is logged twice, another one, and a last one after which nothing is trained on."""
    if share == 0:
        return {}
    if share < 0.75:
        return MIXTURE
    return MIXTURE | {"means": MIXTURE["means"] + (1 if share < 1 else 2)}


def test_steps_scores_and_episodes_by_hand(write_run):
    folder = write_run("r", snapshot=snapshot)  # 200 episodes between two of five records
    found = read_curriculum(folder, last=30)
    score = Run.load(folder).episodes(["score"])["score"]
    assert found["episodes"] == [200, 600]
    np.testing.assert_allclose(found["scores"], [score[570:600].mean(), score[770:800].mean()])
    # Of the first mixture one Gaussian has an ALP above 0.2, of the second one both.
    np.testing.assert_array_equal(found["means"][0], MIXTURE["means"][:1])
    np.testing.assert_array_equal(found["covariances"][0], MIXTURE["covariances"][:1])
    np.testing.assert_array_equal(found["means"][1], LATER["means"])
    assert read_curriculum(Run.load(folder), last=30) == found
    assert read_curriculum(folder, least_alp=0.5)["episodes"] == [600]


def test_a_run_goes_the_way_of_an_earlier_one(tmp_path):
    family = envs.make("toy-grid", cells=6)
    fits = {"fit_rate": 60}

    def play(name, **options):
        teacher = teachers.make(name, family, seed=0, **options)
        student = students.make("competence", family, seed=0, batch=10)
        run(family, teacher, student, tmp_path / name, Plan(budget=600, test_every=100))

    play("alp-gmm", **fits)
    way = read_curriculum(tmp_path / "alp-gmm", least_alp=0.05)
    play("again", curriculum=way, step="time", alp_gmm=fits)
    metrics = Run.load(tmp_path / "again").records()[-1]["metrics"]
    assert metrics["step"] == len(way["means"]) - 1 >= 1
    assert 0 < metrics["followed"] < 1


def test_what_is_no_curriculum(write_run):
    with pytest.raises(ValueError, match="expected a run whose teacher logged mixtures, got none"):
        read_curriculum(write_run("a"))
    folder = write_run("b", snapshot=snapshot)
    with pytest.raises(ValueError, match=r"ALP above least_alp=3, got at most 2.3: a smaller least_alp"):
        read_curriculum(folder, least_alp=3)
    with pytest.raises(ValueError, match="last: expected a whole number of at least 1"):
        read_curriculum(folder, last=0)
    with pytest.raises(FileNotFoundError):
        read_curriculum(folder / "none")
