"""Students bound for all that they offer, and pairs of them."""

from teacherstudent import students
from teacherstudent.contract.demand import Demand, everything
from teacherstudent.contract.types import seed_sequence
from teacherstudent.running.members import Members

EPISODES = Demand(granularity="episode")
CHUNKS = Demand(granularity="chunk")


def all_of(student, granularity="rollout"):
    """Return a demand for every signal that a student offers at a granularity."""
    return everything(student.offers, granularity)


def pair(name, family, *, seed=0, n=2, **options):
    """Return a student of ``n`` members, not bound."""
    made = [students.make(name, family, seed=own, **options) for own in seed_sequence(seed).spawn(n)]
    return Members(made)


def bind_pair(student):
    """Bind all members for rollouts and return the student."""
    demand = all_of(student)
    student.bind(Demand(granularity="rollout", signals=demand.signals, members=len(student.members)))
    return student
