"""Small stable-baselines3 students bound for rollouts."""

from binding import all_of

from reaching import Steps
from teacherstudent.students.sb3.student import SB3Student

OPTIONS = {"n_steps": 32, "batch_size": 32, "n_epochs": 2}


class Noisy(Steps):
    length, noise = 11, 0.3


def bound(family, *, seed=0, n_envs=4, **options):
    student = SB3Student(family, seed=seed, n_envs=n_envs, **{"options": OPTIONS, **options})
    student.bind(all_of(student))
    return student
