"""Stages in a loop of one's own: what each does, when it ends, what the teacher hears, and going on."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from taught_data import Listening
from torch.utils.data import DataLoader, TensorDataset

from teacherstudent import Parameters, teachers
from teacherstudent.adapters.supervised import Indexed, ShareBatchSampler, StageController
from teacherstudent.contract.spaces import Discrete
from teacherstudent.networks.knobs.resampling import low_frequency_crop
from teacherstudent.students.classifier.networks.backbones import SmallCNN


def images(n=64):
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, 1, 8, 8, generator=generator), torch.randint(4, (n,), generator=generator)


def parts(loader=None):
    torch.manual_seed(0)
    model = SmallCNN(4, 1, 8, width=4)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    data = Indexed(TensorDataset(*images()))
    loader = loader or DataLoader(data, batch_sampler=ShareBatchSampler(data, batch_size=16, seed=0))
    return model, optimizer, loader


class Stages(Listening):
    """Hands out listed stages round and round."""

    acts = False


def listed(stages, **options):
    return StageController(Stages(Discrete(len(stages))), stages, **options)


def self_paced():
    return teachers.make("self-paced", Discrete(2), seed=0)


def train(control, model, optimizer, loader, steps):
    """Train for so many steps and return what each looked like: examples, size and knobs."""
    seen = []
    while len(seen) < steps:
        for (pictures, labels), indices in loader:
            found = control.images(pictures)
            logits = model(found)
            losses = functional.cross_entropy(logits, control.targets(labels, indices), reduction="none")
            optimizer.zero_grad()
            losses.mean().backward()
            optimizer.step()
            seen.append((len(indices), found.shape[-1], dict(control.metrics())))
            control.remember(losses, indices, logits)
            control.step(losses)
            if len(seen) == steps:
                break
    return seen


def test_a_stage_lasts_for_a_chunk_and_the_teacher_hears_of_it():
    model, optimizer, loader = parts()
    teacher = Stages(Discrete(2))
    control = StageController(
        teacher, [{"bandwidth": 4}, {"batch_size": 32}], steps=7, chunk=3, loader=loader
    )
    seen = train(control, model, optimizer, loader, 7)
    assert [(n, size) for n, size, _ in seen] == [(16, 4)] * 3 + [(32, 8)] * 3 + [(16, 4)]
    assert [p for _, p in teacher.asks] == pytest.approx([0, 3 / 7, 6 / 7])
    assert [task for _, task, _ in teacher.told] == [0, 1, 0]
    assert control.progress == 1
    # What goes on beyond the last step keeps the last stage.
    train(control, model, optimizer, loader, 4)
    assert len(teacher.told) == 3
    assert control.setting["bandwidth"] == 4


def test_scores_without_a_probe_are_minus_the_mean_loss():
    control = listed([{"lr_scale": 0.5}, {}], steps=4, chunk=2, optimizer=parts()[1])
    for loss in (1.0, 2.0, 5.0):
        control.step(torch.tensor([loss, loss]))
    assert [score for _, _, score in control.teacher.told] == [-1.5]


@pytest.mark.parametrize(("differences", "scores"), [(False, [1.0, 0.5]), (True, [-3.0, -2.5])])
def test_a_probe_scores_by_how_much_it_has_fallen(differences, scores):
    levels = iter([4.0, 3.0, torch.tensor(2.5)])
    control = listed([{"lr_scale": 0.5}, {}], steps=4, chunk=2, optimizer=parts()[1])
    control.teacher.differences = differences
    control.measure(lambda: next(levels))
    for _ in range(4):
        control.step(torch.tensor(1.0))
    assert [score for _, _, score in control.teacher.told] == scores


def test_a_teacher_that_learns_from_scores_must_get_some():
    space = Parameters(lr_scale=(0.1, 1))
    control = StageController(teachers.make("alp-gmm", space, seed=0), steps=4, optimizer=parts()[1])
    with pytest.raises(ValueError, match=r"ALPGMM learns from scores: expected a call of measure\(loss\)"):
        control.step(torch.tensor(1.0))


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"bandwidth": 4}, r"bandwidth: touches nothing: expected a call of images\(images\) in each step"),
        ({"magnitude": 0.5}, "magnitude: touches nothing"),
        (
            {"sequence_length": 0.5},
            r"sequence_length: touches nothing: expected a call of sequences\(batch\)",
        ),
        ({"self_distillation": 0.5}, r"self_distillation: .*targets\(labels, indices\) and remember"),
        ({"data_fraction": 0.5}, r"data_fraction: expected a call of remember\(losses, indices\)"),
    ],
)
def test_a_knob_whose_batches_never_pass_is_refused_in_the_first_step(stage, message):
    control = listed([stage, {}], steps=4, loader=parts()[2])
    with pytest.raises(ValueError, match=message):
        control.step(torch.tensor(1.0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: listed([{"lr_scale": 0.5}, {}], steps=0, optimizer=parts()[1]), "steps"),
        (lambda: listed([{"lr_scale": 0.5}, {}], steps=3, chunk=4, optimizer=parts()[1]), "chunk"),
        (lambda: StageController(self_paced(), [{}, {"freeze": 1}], steps=3), "TeacherBatchSampler"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_loss_that_is_not_finite_is_named_with_its_stage():
    control = listed([{"lr_scale": 0.5}, {}], steps=4, chunk=2, optimizer=parts()[1])
    control.step(torch.tensor(1.0))
    with pytest.raises(FloatingPointError, match=r"got nan in the 2 steps before step 2, with lr_scale=0.5"):
        control.step(torch.tensor(float("nan")))


def test_images_are_cropped_resized_and_augmented():
    pictures = images(4)[0]
    control = listed([{"bandwidth": 0.5}, {}], steps=4)
    assert torch.equal(control.images(pictures), low_frequency_crop(pictures, 4))
    control = listed([{"magnitude": 0.5}, {}], steps=4)
    torch.manual_seed(1)
    assert not torch.equal(control.images(pictures), pictures)
    control = listed([{"resize": 6}, {}], steps=4)
    assert control.images(pictures).shape[-1] == 6


def test_tokens_are_cut():
    control = listed([{"sequence_length": 0.25}, {}], steps=2, chunk=1)
    tokens = torch.arange(16).view(2, 8)
    assert control.sequences({"ids": tokens})["ids"].tolist() == [[0, 1], [8, 9]]
    control.step(torch.tensor(1.0))
    assert control.sequences(tokens) is tokens


def test_predictions_of_the_pass_before_are_mixed_in():
    control = listed([{"self_distillation": 0.5}, {}], steps=4, chunk=2, loader=parts()[2])
    labels = torch.tensor([0, 1])
    rows = torch.tensor([3, 4])
    assert control.targets(labels, rows) is labels
    with pytest.raises(ValueError, match="expected logits, as self_distillation is a knob"):
        control.remember(torch.ones(2), rows)
    control.remember(torch.ones(2), rows, torch.zeros(2, 4))
    assert control.targets(labels, rows).tolist() == [
        [0.625, 0.125, 0.125, 0.125],
        [0.125, 0.625, 0.125, 0.125],
    ]


def test_hard_examples_leave_a_pass_over_a_share():
    _, _, loader = parts()
    control = listed([{}, {"data_fraction": 0.25}], steps=4, chunk=1, loader=loader)
    losses = torch.where(torch.arange(64) < 16, 0.002, 1e6)
    control.remember(losses, torch.arange(64))
    control.step(torch.tensor(1.0))
    (batch,) = list(loader)
    assert (batch[1] < 16).float().mean() > 0.9
    with pytest.raises(ValueError, match="whose data set says how many"):
        listed([{}, {"magnitude": 0.5}], steps=4).remember(losses, torch.arange(64))


KNOBS = {
    "bandwidth": (4, 8), "magnitude": (0, 0.5), "lr_spread": (0, 2), "smoothing": (0, 1), "freeze": (0, 0.6),
    "lr_scale": (0.1, 1), "batch_size": (8, 24), "data_fraction": (0.6, 1), "self_distillation": (0, 0.8),
}  # fmt: skip


def everything():
    model, optimizer, loader = parts()
    teacher = teachers.make("random", Parameters(**KNOBS), seed=0)
    control = StageController(
        teacher, steps=20, chunk=3, model=model, optimizer=optimizer, loader=loader, example=images(2)[0]
    )
    return control, model, optimizer, loader


def test_a_run_with_every_knob_goes_on_as_if_it_had_not_stopped():
    control, model, optimizer, loader = everything()
    train(control, model, optimizer, loader, 7)
    saved = copy.deepcopy(
        (control.state_dict(), model.state_dict(), optimizer.state_dict(), loader.batch_sampler.state_dict())
    )
    torch.manual_seed(5)
    after = train(control, model, optimizer, loader, 9)
    other, model2, optimizer2, loader2 = everything()
    for part, state in zip((other, model2, optimizer2, loader2.batch_sampler), saved, strict=True):
        part.load_state_dict(state)
    torch.manual_seed(5)
    assert train(other, model2, optimizer2, loader2, 9) == after
    for a, b in zip(model.state_dict().values(), model2.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert all(np.array_equal(a, b) for a, b in [(other.progress, control.progress)])


def test_a_damaged_state_is_refused():
    control, *_ = everything()
    state = control.state_dict()
    for change, message in [
        ({"losses": "x"}, "losses"),
        ({"steps": -1}, "steps"),
        ({"teacher": {}}, "teacher"),
    ]:
        with pytest.raises(ValueError, match=message):
            everything()[0].load_state_dict({**state, **change})


def test_losses_come_back_in_double_precision():
    def made():
        return listed([{"lr_scale": 0.5}, {}], steps=6, chunk=3, optimizer=parts()[1])

    control = made()
    control.step(torch.tensor(1 + 1e-12, dtype=torch.float64))
    state = control.state_dict()
    assert state["losses"].tolist() == [1 + 1e-12]
    control = made()
    control.load_state_dict(state)
    assert control.state_dict()["losses"].tolist() == [1 + 1e-12]
    control.step(torch.tensor(2.0))
    control.step(torch.tensor([3.0, 3.0]))
    assert [score for _, _, score in control.teacher.told] == [-(6 + 1e-12) / 3]


def test_after_a_load_losses_and_tables_meet_those_of_another_device(monkeypatch):
    """The device "meta" stands for a GPU: tensors of it and of the CPU cannot be used together either."""

    def made():
        return listed([{"self_distillation": 0.5}, {}], steps=4, chunk=2, loader=parts()[2])

    control = made()
    rows = torch.tensor([3, 4])
    control.targets(torch.tensor([0, 1]), rows)
    control.remember(torch.ones(2), rows, torch.zeros(2, 4))
    control.step(torch.tensor(1.0))
    state = control.state_dict()
    far = torch.device("meta")
    control = made()
    control.load_state_dict(state)
    assert control.targets(torch.tensor([0, 1], device=far), rows.to(far)).device == far
    control = made()
    control.load_state_dict(state)
    control.remember(torch.ones(2, device=far), rows.to(far), torch.zeros(2, 4, device=far))
    # The losses of this stage: none of the CPU is among those that are put together on the device.
    stacked = []
    stack = torch.stack
    monkeypatch.setattr(torch, "stack", lambda found: stacked.append(len(found)) or stack(found))
    control.step(torch.tensor(2.0))
    assert stacked == [1]
    assert [score for _, _, score in control.teacher.told] == [-1.5]


def test_self_distillation_needs_both_of_its_calls():
    rows = torch.tensor([3, 4])
    control = listed([{"self_distillation": 0.5}, {}], steps=4, loader=parts()[2])
    control.targets(torch.tensor([0, 1]), rows)
    with pytest.raises(ValueError, match=r"self_distillation: touches nothing: .* got none of remember"):
        control.step(torch.tensor(1.0))
    control = listed([{"self_distillation": 0.5}, {}], steps=4, loader=parts()[2])
    control.remember(torch.ones(2), rows, torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"self_distillation: touches nothing: .* got none of targets"):
        control.step(torch.tensor(1.0))


def test_steps_after_the_last_keep_no_losses():
    control = listed([{"lr_scale": 0.5}, {}], steps=2, chunk=2, optimizer=parts()[1])
    for _ in range(5):
        control.step(torch.tensor(1.0))
    assert control.steps_done == 5
    assert control.state_dict()["losses"].tolist() == []
