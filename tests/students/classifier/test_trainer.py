"""Steps of training: layers, averages, statistics, scores."""

import numpy as np
import pytest
import torch
import torch.nn.functional as functional
from small_classifiers import STAGES, rows, stage, student

from teacherstudent.envs.images.stages import DigitsStages


def one_step(family, number=0, **options):
    learner = student(family, chunk=1.0, **{"training": {"optimizer": "sgd"}, **options})
    before = {name: p.detach().clone() for name, p in learner.trainer.learner.network.named_parameters()}
    learner.train(rows(np.array([number])))
    network = learner.trainer.learner.network
    return {name: float((p.detach() - before[name]).abs().max()) for name, p in network.named_parameters()}


def test_rates_of_layers_and_of_stages():
    training = {"optimizer": "sgd", "lr": 0.1, "weight_decay": 0, "momentum": 0}
    plain = one_step(stage(lr_scale=2, lr_spread=3), 1, training=training)
    scaled = one_step(stage(lr_scale=2, lr_spread=3), 0, training=training)
    ratio = {name: scaled[name] / plain[name] for name in plain}
    expected = {"convolution.weight": 2, "convolution.bias": 2, "head.weight": 2e-3, "head.bias": 2e-3}
    assert ratio == pytest.approx(expected, rel=1e-2)


def test_a_staircase_in_a_wider_space_starts_with_its_teacher():
    family = DigitsStages(knobs={"lr_spread": [0, 4]})
    training = {"optimizer": "sgd", "momentum": 0, "weight_decay": 0, "lr_law": "staircase"}
    learner = student(family, chunk=1.0, training=training)
    used = []
    for round_, spread in enumerate((2.0, 1.5, 1.0)):
        if round_ == 2:
            state, learner = learner.state_dict(), student(family, seed=1, chunk=1.0, training=training)
            learner.load_state_dict(state)
        learner.train(rows([[spread]], first=round_))
        groups = learner.trainer.learner._optimizer.param_groups
        rates = {group["depth"]: group["lr"] for group in groups}
        used.append(rates[2] / rates[1])
    assert used == pytest.approx([0.01, 0.01, 0.1])


def test_other_knobs_change_what_is_learnt():
    plain = one_step(stage(bandwidth=6))
    for knobs in ({"bandwidth": 4}, {"resize": 6}, {"smoothing": 1}, {"batch_size": 16}):
        assert one_step(stage(**knobs)) != plain, knobs


def test_augmentation_is_drawn_from_a_private_generator():
    state = torch.get_rng_state()
    first, second = (one_step(stage(magnitude=0.9)) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert first == second
    assert first != one_step(stage(magnitude=0.9), 1)


def test_self_distillation_mixes_in_the_last_prediction():
    learner = student(stage(self_distillation=0.5), training={"batch_size": 64})
    trainer = learner.trainer
    setting = learner.family.setting(0)
    indices = torch.arange(64)
    trainer.step(indices, setting, rate=0.1)
    past = trainer.table.predictions[indices].clone()
    assert torch.allclose(past.sum(1), torch.ones(64))
    with torch.no_grad():
        logits = trainer.learner.network(trainer.inputs["train"].batch(indices))
    labels = functional.one_hot(trainer.inputs["train"].labels[indices], 10).float()
    expected = -((0.5 * labels + 0.5 * past) * logits.log_softmax(1)).sum(1)
    found, _ = trainer.step(indices, setting, rate=0.1)
    assert torch.allclose(found, expected, atol=1e-5)


def test_rescoring_is_charged():
    family = stage(data_fraction=0.5)
    costs = {}
    for scores in ("latest", "rescore"):
        learner = student(family, chunk=1.0, training={"scores": scores})
        learner.train(rows(np.array([0])))
        costs[scores] = learner.spent()["measure"]
    forward = 2 * 64 * 9 * 4 + 2 * 4 * 10
    assert costs["rescore"] - costs["latest"] == 997 * forward


def test_weights_of_examples():
    class Halves:
        def weigh(self, batch):
            assert batch.loss_numbers.shape == batch.index_numbers.shape == (64,)
            return (batch.index_numbers < 500).astype(float)

    setting, indices = STAGES.setting([8.0]), torch.arange(468, 532)
    gradients = {}
    for name in ("none", "weigher", "hook"):
        training = {"optimizer": "sgd", "momentum": 0, "weight_decay": 0}
        hook = {"loss": lambda losses, rows: (losses * (rows < 500)).mean()} if name == "hook" else {}
        learner = student(training=training, **hook)
        if name == "weigher":
            learner.weigher = Halves()
        before = learner.trainer.learner.network.head.weight.detach().clone()
        learner.trainer.step(indices, setting, rate=1.0)
        gradients[name] = before - learner.trainer.learner.network.head.weight.detach()
    assert torch.equal(gradients["weigher"], gradients["hook"])
    assert not torch.allclose(gradients["weigher"], gradients["none"])
    with pytest.raises(TypeError, match="expected a Weigher or None"):
        learner.weigher = 3


def test_averaged_weights_by_hand():
    learner = student(training={"ema": 0.99, "optimizer": "sgd"})
    trainer, setting = learner.trainer, STAGES.setting([8.0])
    weights = [trainer.learner.network.head.weight.detach().clone()]
    for step in range(2):
        trainer.step(torch.arange(50) + step, setting, rate=0.5)
        weights.append(trainer.learner.network.head.weight.detach().clone())
    first = torch.lerp(weights[0], weights[1], 1 - 2 / 11)
    assert torch.allclose(trainer.learner.average.head.weight, torch.lerp(first, weights[2], 1 - 3 / 12))


def test_statistics_are_renewed_for_a_measurement_and_put_back():
    learner = student(backbone="cnn", backbone_options={"width": 4}, training={"renorm": 997})
    trainer = learner.trainer
    trainer.step(torch.arange(64), STAGES.setting([4.0]), rate=0.1)
    norm = trainer.learner.network.features[1]
    before = norm.running_mean.clone()
    with trainer._renormalised():
        images = trainer.inputs["train"].batch(slice(None))
        with torch.no_grad():
            maps = trainer.learner.network.features[0](images)
        parts = [part.mean((0, 2, 3)) for part in maps.tensor_split(2)]
        assert torch.allclose(norm.running_mean, torch.stack(parts).mean(0), atol=1e-5)
    assert torch.equal(norm.running_mean, before)
    assert norm.training
    assert trainer.measure_cost(200) == (200 + 997) * trainer.forward_cost()
