"""Weights of examples in the loss: gradients, what a weigher sees, what it costs, and what is refused."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from teacherstudent.contract.types import Assignment
from teacherstudent.contract.weigher import Batch, Differentiates, Weigher, is_differentiable
from teacherstudent.envs.images.examples import DigitsExamples
from teacherstudent.envs.images.stages import DigitsStages
from teacherstudent.students.classifier.student import ClassifierStudent

EXAMPLES = DigitsExamples(label_noise=0.2)
STAGES = DigitsStages(knobs={"bandwidth": [4, 8]})
ROWS = torch.arange(7, 39)


class Zero(nn.Module):
    """A linear layer of zeros: every logit is 0 and every loss ln 10."""

    size_step, smallest = 2, 4

    def __init__(self, classes, channels, size):
        super().__init__()
        self.head = nn.Linear(channels * size * size, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x):
        return self.head(nn.functional.interpolate(x, (8, 8)).flatten(1))


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    """Let "module:function" find this file under --import-mode=importlib."""
    module = type(sys)(__name__)
    module.__dict__.update(globals())
    monkeypatch.setitem(sys.modules, __name__, module)


class Says:
    """A weigher from a function of the batch."""

    def __init__(self, weigh, differentiable=None):
        self.weigh = weigh
        if differentiable is not None:
            self.differentiable = differentiable


def student(weigher=None, family=EXAMPLES, **options):
    training = {"optimizer": "sgd", "momentum": 0, "weight_decay": 0, "batch_size": 32}
    training |= options.pop("training", {})
    made = ClassifierStudent(
        family, seed=0, backbone=f"{__name__}:Zero", training=training, machine={"device": "cpu"}, **options
    )
    made.weigher = weigher
    return made


def bias_after_a_step(weigher):
    """Return the bias of the last layer after a step at rate 1: minus the gradient of the loss."""
    learner = student(weigher)
    learner.trainer.step(ROWS, EXAMPLES.setting(0), rate=1.0)
    return learner.trainer.learner.network.head.bias.detach()


def shares():
    """Return the share of each class among the labels of the batch, ``(10,)``."""
    labels = torch.as_tensor(EXAMPLES.data.train.labels[ROWS.numpy()], dtype=torch.int64)
    return torch.bincount(labels, minlength=10) / len(ROWS)


# Gradients


def test_weights_are_constants_unless_the_weigher_is_differentiable():
    def square(batch):
        return batch.losses

    # mean(l l): l times the gradient of l, shares - 1/10, if the weight is a constant, and twice that if not
    once = math.log(10) * (shares() - 0.1)
    for says in (None, False):
        assert torch.allclose(bias_after_a_step(Says(square, says)), once, atol=1e-6)
    assert torch.allclose(bias_after_a_step(Says(square, True)), 2 * once, atol=1e-6)


def test_a_gradient_flows_through_weights_of_logits():
    def first_class(batch):
        return 1 + batch.logits[:, 0]

    constant = bias_after_a_step(Says(first_class, False))
    assert torch.allclose(constant, shares() - 0.1, atol=1e-6)  # every weight is 1
    # the derivative of (1 + logit 0) x loss by logit 0 has one more term, the loss: ln 10
    extra = torch.zeros(10)
    extra[0] = -math.log(10)
    assert torch.allclose(bias_after_a_step(Says(first_class, True)), constant + extra, atol=1e-6)


def test_arrays_of_a_differentiable_weigher_and_graphs_of_another_are_constants():
    scale = torch.tensor(1.0, requires_grad=True)
    numbers = bias_after_a_step(Says(lambda batch: batch.loss_numbers, True))
    other = bias_after_a_step(Says(lambda batch: scale * batch.losses, False))
    assert torch.allclose(numbers, math.log(10) * (shares() - 0.1), atol=1e-6)
    assert torch.allclose(other, numbers, atol=1e-6)
    assert scale.grad is None


def test_whether_a_weigher_is_differentiable_is_declared():
    def even(batch):
        return batch.losses

    assert isinstance(Says(even), Weigher)
    assert not isinstance(Says(even), Differentiates)
    assert [is_differentiable(Says(even, says)) for says in (None, False, True)] == [False, False, True]
    with pytest.raises(TypeError, match=r"Says\.differentiable: expected True or False, got 1"):
        student(Says(even, 1)).trainer.step(ROWS, EXAMPLES.setting(0), rate=1.0)


# What a weigher sees


def test_a_weigher_reads_labels_and_logits():
    def where_wrong(batch):
        seen.append(batch)
        return (batch.logits.argmax(1) != batch.labels).float()

    seen = []
    learner = student(Says(where_wrong))
    hook = student()
    labels = learner.trainer.inputs["train"].labels[ROWS]
    for rate in (1.0, 0.5):  # a zero network says 0 everywhere; after a step it says other things
        with torch.no_grad():
            logits = learner.trainer.learner.network(learner.trainer.inputs["train"].batch(ROWS))
        wrong = logits.argmax(1) != labels
        hook.trainer.reduction = lambda losses, rows, wrong=wrong: (losses * wrong).mean()
        for one in (learner, hook):
            one.trainer.step(ROWS, EXAMPLES.setting(0), rate=rate, progress=0.25)
        batch = seen[-1]
        assert torch.equal(batch.labels, labels)
        assert torch.equal(batch.indices, ROWS)
        assert torch.allclose(batch.logits, logits, atol=1e-6)
        assert batch.logits.shape == (len(batch), 10) == (32, 10)
        assert batch.logits.dtype == batch.losses.dtype == torch.float32
        assert not batch.logits.requires_grad
        assert not batch.losses.requires_grad
        assert batch.progress == 0.25
    assert 0 < wrong.sum() < 32
    ends = [one.trainer.learner.network.head.weight for one in (learner, hook)]
    assert torch.equal(*ends)


def test_numbers_are_copies_made_once():
    losses = torch.rand(3, dtype=torch.float64)
    indices = torch.arange(3)
    labels = torch.tensor([4, 0, 4])
    batch = Batch(losses=losses, indices=indices, labels=labels, logits=torch.zeros(3, 5))
    for name, given in (("loss", losses), ("index", indices), ("label", labels)):
        found = getattr(batch, f"{name}_numbers")
        assert isinstance(found, np.ndarray)
        assert found.tolist() == given.tolist()
        assert found is getattr(batch, f"{name}_numbers")
        found[:] = 9
        assert 9 not in given.tolist()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_logits_are_float32_in_any_arithmetic(precision):
    seen = []

    def even(batch):
        seen.append(batch.logits.dtype)
        return torch.ones_like(batch.losses)

    learner = ClassifierStudent(
        EXAMPLES, seed=0, backbone=f"{__name__}:Zero", machine={"device": "cpu", "precision": precision}
    )
    learner.weigher = Says(even, True)
    learner.trainer.step(ROWS, EXAMPLES.setting(0), rate=1.0)
    assert seen == [torch.float32]


# Laziness


class Counts(TorchDispatchMode):
    """Counts copies, and operations for which the host would wait for a GPU."""

    COPIES = ("aten._to_copy", "aten.clone", "aten.copy_")
    WAITS = ("aten._local_scalar_dense", "aten.nonzero", "aten.equal", "aten.masked_select")

    def __init__(self):
        super().__init__()
        self.copies = self.waits = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func.overloadpacket)
        self.copies += name in self.COPIES
        self.waits += name in self.WAITS
        return func(*args, **(kwargs or {}))


def counted(monkeypatch, act):
    """Return copies and waits of a call, and how often a tensor was fetched by the host."""
    fetched = []
    own = torch.Tensor.cpu
    with monkeypatch.context() as patch, Counts() as counts:
        patch.setattr(torch.Tensor, "cpu", lambda tensor: fetched.append(tensor) or own(tensor))
        act()
    return counts.copies, counts.waits, len(fetched)


def step_of(weigher):
    learner = student(weigher)
    return lambda: learner.trainer.step(ROWS, EXAMPLES.setting(0), rate=1.0)


def test_a_weigher_that_reads_nothing_makes_no_copy(monkeypatch):
    copies, waits, fetched = counted(monkeypatch, step_of(None))
    assert fetched == waits == 0
    ones = np.ones(len(ROWS), np.float32)
    nothing = (
        Says(lambda batch: ones),
        Says(lambda batch: torch.ones(len(batch))),
        Says(lambda batch: torch.ones(len(batch)), True),
    )
    for weigher in nothing:
        assert counted(monkeypatch, step_of(weigher)) == (copies, 0, 0)


def test_what_is_read_is_fetched_and_nothing_else(monkeypatch):
    copies, _, _ = counted(monkeypatch, step_of(None))
    ones = np.ones(len(ROWS), np.float32)

    def losses(batch):
        return batch.loss_numbers.astype(np.float32) * batch.loss_numbers.astype(np.float32)

    def all_three(batch):
        return ones * (batch.loss_numbers + batch.index_numbers + batch.label_numbers > 0).astype(np.float32)

    def tensors(batch):
        return batch.losses + batch.logits[:, 0] + batch.indices + batch.labels

    assert counted(monkeypatch, step_of(Says(losses))) == (copies + 1, 0, 1)  # to float64, once
    assert counted(monkeypatch, step_of(Says(all_three))) == (copies + 1, 0, 3)
    assert counted(monkeypatch, step_of(Says(tensors))) == (copies, 0, 0)


def test_tensors_are_checked_once_for_all_steps_of_a_chunk(monkeypatch):
    found = []
    for weigher in (None, Says(lambda batch: torch.ones(len(batch)))):
        learner = student(weigher, STAGES, score="train", chunk=1e6)
        found.append(counted(monkeypatch, lambda learner=learner: learner.train(chunk()))[1:])
        assert learner.spent()["updates"] > 5
    (waits, fetched), with_weights = found
    assert with_weights == (waits, fetched + 1)


# What is refused


def chunk():
    return Assignment(ids=np.arange(1), tasks=np.array([[8.0]]))


def examples(n=64):
    return Assignment(ids=np.arange(n), tasks=np.arange(n))


NAN, INF = float("nan"), float("inf")
WRONG = {
    "a shorter array": (lambda n: np.ones(n - 1), r"got shape \(31,\)"),
    "a column": (lambda n: np.ones((n, 1)), r"got shape \(32, 1\)"),
    "a shorter tensor": (lambda n: torch.ones(n - 1), r"got shape \(31,\)"),
    "a scalar": (lambda n: torch.tensor(1.0), r"got shape \(\)"),
    "a negative number": (lambda n: np.linspace(1, -0.25, n), r"got -0\.25"),
    "a negative number in a tensor": (lambda n: torch.linspace(1, -0.25, n), r"got -0\.25"),
    "no number": (lambda n: np.where(np.arange(n) == 3, NAN, 1.0), "got nan"),
    "no number in a tensor": (lambda n: torch.where(torch.arange(n) == 3, NAN, 1.0), "got nan"),
    "infinity": (lambda n: np.where(np.arange(n) == 3, INF, 1.0), "got inf"),
    "infinity in a tensor": (lambda n: torch.where(torch.arange(n) == 3, INF, 1.0), "got inf"),
    "words": (lambda n: np.array(["a"] * n), "got no real numbers"),
    "complex numbers": (lambda n: torch.ones(n, dtype=torch.complex64), "got no real numbers"),
    "a list": (lambda n: [1.0, [2.0]], r"got neither an array nor a tensor but \[1\.0, \[2\.0\]\]"),
    "nothing": (lambda n: None, "got neither an array nor a tensor but None"),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_weights_are_one_error(what):
    give, got = WRONG[what]
    expected = rf"^Says\.weigh: expected finite weights of at least 0, shape \(32,\), {got} in step 1$"

    def weigh(batch):
        return give(len(batch)) if steps.pop() else torch.ones(len(batch))

    for differentiable in (False, True):
        steps = [True, False]
        with pytest.raises(ValueError, match=expected):
            student(Says(weigh, differentiable)).train(examples())
        steps = [True] * 30 + [False]
        with pytest.raises(ValueError, match=expected):
            student(Says(weigh, differentiable), STAGES, score="train", chunk=1e6).train(chunk())


def test_weights_that_break_the_network_are_the_weighers_fault():
    def weigh(batch):
        steps.append(0)
        return torch.full((len(batch),), NAN if len(steps) == 3 else 1.0)

    steps = []
    with pytest.raises(ValueError, match="got nan in step 2"):  # every later loss is NaN
        student(Says(weigh), STAGES, score="train", chunk=1e6).train(chunk())


@pytest.mark.parametrize("family", [EXAMPLES, STAGES])
def test_losses_that_are_not_finite_are_no_weighers_fault(family):
    def raises(batch):
        if not np.isfinite(batch.loss_numbers).all():
            raise ZeroDivisionError("in the weigher")
        return np.ones(len(batch))

    def numbers(batch):
        return batch.loss_numbers

    def tensors(batch):
        return batch.losses

    training = {"lr": 1e38, "warmup": 0}
    for weigh in (raises, numbers, tensors):
        own = {} if family is EXAMPLES else {"score": "train", "chunk": 1e6}
        learner = student(Says(weigh), family, training=training, **own)
        with pytest.raises(FloatingPointError, match=r"expected a finite loss, got \w+ in step \d"):
            learner.train(examples(320) if family is EXAMPLES else chunk())


def test_an_error_of_a_weigher_passes():
    def weigh(batch):
        raise ZeroDivisionError("in the weigher")

    with pytest.raises(ZeroDivisionError, match="in the weigher"):
        student(Says(weigh)).train(examples())


def test_the_contract_and_teachers_that_weigh_need_no_torch():
    names = (
        "contract.weigher",
        "teachers.examples.superloss",
        "teachers.examples.self_paced",
        "running.loop",
        "testing",
    )
    lines = [
        "import sys",
        "sys.modules['torch'] = None",
        *(f"import teacherstudent.{name}" for name in names),
    ]
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
