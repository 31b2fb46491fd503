"""Teachers that choose examples: what all of them refuse, and runs on digits that are resumed."""

import numpy as np
import pytest
from example_teachers import RUNS, experiment, make, tell

from teacherstudent import teachers
from teacherstudent.contract.purposes import Purpose
from teacherstudent.contract.spaces import Discrete
from teacherstudent.recording.runs import Run
from teacherstudent.running.before.fit import check_fit
from teacherstudent.students.competence import CompetenceStudent


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("jest", {"reference": np.zeros(3)}, r"finite losses of shape \(20,\), got \(3,\)"),
        ("jest", {"reference": np.full(20, np.nan)}, "finite losses"),
        ("jest", {"score": "loss"}, "score: expected one of"),
        ("jest", {"score": "hard", "select": "best"}, "select: expected one of"),
        ("jest", {"score": "hard", "filter": 1.0}, "filter: expected a share"),
        ("jest", {"score": "hard", "chunks": 0}, "chunks: expected a whole number of at least 1, got 0"),
        ("jest", {"score": "hard", "chunks": 2.5}, r"chunks: expected a whole number .*, got 2\.5"),
        ("jest", {"score": "hard", "temperature": 0}, "temperature: expected"),
        ("self-paced", {"law": "cubic"}, "law: expected one of"),
        ("self-paced", {"by": "loss"}, "by: expected one of"),
        ("self-paced", {"share": (0, 1)}, "share: expected two shares"),
        ("self-paced", {"share": 0.5}, r"share: expected two shares in \(0, 1\], got 0\.5"),
        ("self-paced", {"share": ("a", 1)}, "share: expected two shares"),
        ("self-paced", {"ages": 2.0}, r"ages: expected two losses, got 2\.0"),
        ("self-paced", {"grow": 0}, "grow: expected"),
        ("self-paced", {"ages": (0.5, np.inf)}, "ages: expected two finite losses"),
        ("self-paced", {"ages": ("a", 1)}, "ages: expected two finite losses"),
        ("self-paced", {"ages": (1, 2, 3)}, "ages: expected two losses"),
        ("self-paced", {"ages": (0.5, 1.0), "law": "logarithmic"}, "below 1"),
        ("self-paced", {"law": "polynomial", "power": 1.0}, "a power above 1"),
        ("superloss", {"strength": 0}, "strength: expected"),
        ("superloss", {"threshold": np.inf}, "threshold: expected"),
        ("superloss", {"memory": 1.0}, "memory: expected"),
        ("loss-proportional", {"power": -1}, "power: expected"),
        ("loss-proportional", {"explore": 2}, "explore: expected"),
    ],
)
def test_bad_options(name, options, message):
    with pytest.raises(ValueError, match=message):
        make(name, **options)


@pytest.mark.parametrize("name", ["self-paced", "loss-proportional"])
def test_negative_losses_are_refused(name):
    teacher = make(name)
    assignment = teacher.ask(2)
    with pytest.raises(ValueError, match="losses of at least 0"):
        tell(teacher, assignment, np.full(20, -1.0))


def test_a_student_that_cannot_weigh_is_refused():
    family = teachers_family()
    student = CompetenceStudent(family, seed=0)
    with pytest.raises(ValueError, match="weighs examples in the loss, which CompetenceStudent cannot"):
        check_fit(family, teachers.make("superloss", family.space, seed=0), student)


def teachers_family():
    from teacherstudent.envs.toy_grid import ToyGrid

    family = ToyGrid()
    family.space = Discrete(4)
    return family


# Runs on digits


@pytest.mark.parametrize("label", RUNS)
def test_a_run_on_digits_resumes_where_it_stopped(label, tmp_path):
    experiment(label).run(tmp_path / "whole")
    rounds = iter(range(40))
    experiment(label).run(tmp_path / "parts", stop=lambda: next(rounds) == 39)
    assert Run.load(tmp_path / "parts").status()["status"] == "interrupted"
    experiment(label).run(tmp_path / "parts", resume=True)
    whole, parts = (Run.load(tmp_path / part).episodes() for part in ("whole", "parts"))
    for column in ("task", "purpose", "loss"):
        assert np.array_equal(whole[column], parts[column]), column
    learnt = (whole["purpose"] == Purpose.TRAIN).mean()
    assert (learnt == 1) == (label not in ("self-paced", "jest"))
    assert learnt > 0.1
