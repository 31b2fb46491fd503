import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from gymnasium.spaces import Dict as DictSpace
from lines import SMALL, LineFamily

from reaching import Reach, assign, reach
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment
from teacherstudent.running.before.fit import check_fit
from teacherstudent.slots.tensor_envs import HostTensorEnvs
from teacherstudent.slots.wrapping.family import family_from_gymnasium
from teacherstudent.students.rsl_rl.student import RslRlStudent
from teacherstudent.testing.students import check_student


@pytest.mark.parametrize("normalize", [True, False, "observations", "rewards"])
def test_contract_with_exact_resume(cartpole, normalize):
    check_student(lambda seed: RslRlStudent(cartpole, seed=seed, normalize=normalize, **SMALL), cartpole)


@pytest.mark.parametrize(
    "options",
    [{"schedule": "fixed", "learning_rate": 3e-4, "optimizer": "sgd"}, {"desired_kl": 1e-3, "gamma": 0.9}],
)
def test_contract_on_tensors_with_exact_resume(line, options):
    check_student(lambda seed: RslRlStudent(line, seed=seed, options=options, **SMALL), line)


def test_contract_without_snapshots():
    family = reach()
    check_student(lambda seed: RslRlStudent(family, seed=seed, **SMALL), family, exact=False)


@pytest.mark.gpu
def test_contract_on_a_gpu():
    arguments = SMALL | {"device": "cuda"}
    family = LineFamily()
    check_student(lambda seed: RslRlStudent(family, seed=seed, **arguments), family)
    host = reach()
    check_student(lambda seed: RslRlStudent(host, seed=seed, **arguments), host, exact=False)


def test_a_new_student_learns_and_one_with_the_advantages_turned_round_does_not(line):
    def learnt(turned):
        student = RslRlStudent(
            line,
            seed=0,
            n_envs=64,
            n_steps=16,
            device="cpu",
            options={"num_learning_epochs": 4, "entropy_coef": 0.0},
            policy={"hidden_dims": [32, 32], "activation": "tanh", "init_std": 0.5},
        )
        if turned:
            compute = student.ppo.alg.compute_returns

            def turn(obs):
                compute(obs)
                student.ppo.alg.storage.advantages.neg_()

            student.ppo.alg.compute_returns = turn
        before = student.evaluate(line.test_tasks(), seed=0).score.mean()
        for k in range(25):
            student.train(assign(student, line, first=1000 * k))
        return student.evaluate(line.test_tasks(), seed=0).score.mean() - before

    assert learnt(turned=False) > 4  # of about 11 at best
    assert learnt(turned=True) < 0


def test_measuring_goes_on_exactly_whatever_was_tested_before(cartpole):
    student, resumed = (RslRlStudent(cartpole, seed=0, **SMALL) for _ in range(2))
    student.evaluate(cartpole.test_tasks()[:3], seed=0)
    student.train(assign(student, cartpole))
    resumed.load_state_dict(student.state_dict())
    one = Assignment(ids=np.array([99]), tasks=cartpole.test_tasks()[:1], purpose=purposes(np.array([False])))
    assert student.train(one).score.tolist() == resumed.train(one).score.tolist()


def test_loading_the_state_of_a_fresh_student_starts_over(cartpole):
    fresh, used = (RslRlStudent(cartpole, seed=0, **SMALL) for _ in range(2))
    state = fresh.state_dict()
    first = fresh.train(assign(fresh, cartpole))
    used.train(assign(used, cartpole))
    used.load_state_dict(state)
    again = used.train(assign(used, cartpole))
    assert again.score.tolist() == first.score.tolist()
    assert again.ids.tolist() == first.ids.tolist()


def test_updates_and_metrics(cartpole):
    options = {"num_learning_epochs": 3, "num_mini_batches": 2, "schedule": "fixed", "learning_rate": 1e-4}
    student = RslRlStudent(cartpole, seed=0, options=options, **SMALL)
    student.train(assign(student, cartpole))
    assert student.spent()["updates"] == 6
    steps = {float(entry["step"]) for entry in student.ppo.alg.optimizer.state.values()}
    assert steps == {6.0}
    assert student.metrics()["learning_rate"] == 1e-4
    assert {"loss/value", "loss/surrogate", "loss/entropy"} <= student.metrics().keys()
    assert student.spent()["environment_seconds"] > 0


def test_the_world_keeps_its_generators_and_settings(cartpole):
    checks = torch.distributions.Distribution._validate_args
    torch.manual_seed(5)
    student = RslRlStudent(cartpole, seed=0, **SMALL)
    student.train(assign(student, cartpole))
    student.evaluate(cartpole.test_tasks()[:2], seed=0)
    found = torch.rand(3).tolist()
    torch.manual_seed(5)
    assert found == torch.rand(3).tolist()
    assert torch.distributions.Distribution._validate_args == checks


def test_actions_stay_inside_the_bounds():
    seen = []

    class Spy(Reach):
        action_space = Box(np.array([-0.5, 0.0], np.float32), np.array([0.25, 2.0], np.float32))

        def step(self, action):
            seen.append(np.array(action))
            return super().step(action)

    family = family_from_gymnasium(Spy, test_tasks=2)
    student = RslRlStudent(family, seed=0, **SMALL)
    student.train(assign(student, family))
    taken = np.stack(seen)
    assert taken.dtype == np.float32
    assert taken.min(0).tolist() == [-0.5, 0.0]
    assert taken.max(0).tolist()[0] == 0.25
    trained_on = student.ppo.alg.storage.actions
    assert (trained_on[..., 0] < -0.5).any()  # what was sampled, before the bounds


def test_an_update_that_diverges_is_an_error(line):
    options = {"schedule": "fixed", "learning_rate": 1e30}
    student = RslRlStudent(line, seed=0, options=options, **SMALL)
    with pytest.raises(FloatingPointError, match=r"expected finite losses, got \{'loss/value': (inf|nan)"):
        student.train(assign(student, line))


def test_spaces_that_the_networks_do_not_take():
    class Parts(Reach):
        action_space = DictSpace({"x": Box(-10, 10, (1,), np.float32)})

        def step(self, action):
            return super().step(action["x"])

    with pytest.raises(TypeError, match=r"Discrete, MultiDiscrete or MultiBinary, got Dict\('x'"):
        RslRlStudent(family_from_gymnasium(Parts, test_tasks=2), seed=0, **SMALL)
    with pytest.raises(TypeError, match="RLFamily"):
        RslRlStudent(object(), seed=0, **SMALL)


def test_first_round_without_tasks_is_an_error(cartpole):
    student = RslRlStudent(cartpole, seed=0, **SMALL)
    with pytest.raises(ValueError, match="expected an assignment"):
        student.train(Assignment(ids=np.zeros(0, int), tasks=np.zeros((0, 4))))


def test_a_teacher_that_needs_a_missing_signal_is_refused():
    class Greedy(Teacher):
        accepts = (Parameters,)
        needs = frozenset({"success", "value_l1"})

        def _ask(self, ids, progress):
            return Assignment(ids=ids, tasks=np.zeros((len(ids), 1)))

        def _tell(self, outcomes):
            pass

        def _state(self):
            return {}

        def _load(self, state):
            pass

    family = reach()
    student = RslRlStudent(family, seed=0, **SMALL)
    with pytest.raises(ValueError, match="needs the signal 'success', which RslRlStudent does not offer"):
        check_fit(family, Greedy(family.space, seed=0), student)
    check_fit(
        reach(mastered=0.0), Greedy(family.space, seed=0), RslRlStudent(reach(mastered=0.0), seed=0, **SMALL)
    )


def test_test_slots_are_few_and_closed(cartpole):
    student = RslRlStudent(cartpole, seed=0, **SMALL)
    tasks = cartpole.test_tasks()
    for n in (1, 3, 4, 20):
        assert len(student.evaluate(tasks[:n], seed=0)) == n
    assert sorted(student._test_envs) == [1, 4, 6]
    assert all(isinstance(made, HostTensorEnvs) for made in student._test_envs.values())
    student.close()
