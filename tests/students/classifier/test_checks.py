"""Knobs that touch nothing, sizes, numbers that are not finite, files of scores."""

import numpy as np
import pytest
from small_classifiers import LINEAR, STAGES, TINY, rows, stage, student

from teacherstudent.envs.images.stages import DigitsStages, FashionStages
from teacherstudent.recording.disk.checkpoint import load, save


def test_scores_from_a_file(tmp_path):
    scores = np.full(997, 1e-9)
    scores[:500] = 1.0
    np.save(tmp_path / "scores.npy", scores)
    learner = student(stage(data_fraction=0.3), training={"scores": str(tmp_path / "scores.npy")})
    assert int(learner.trainer.draw(learner.family.setting(0))[0].max()) < 500
    np.save(tmp_path / "scores.npy", scores[:9])
    with pytest.raises(ValueError, match=r"finite numbers of shape \(997,\), got shape \(9,\)"):
        student(stage(data_fraction=0.3), training={"scores": str(tmp_path / "scores.npy")})


@pytest.mark.parametrize(
    ("knobs", "backbone", "message"),
    [
        ({"smoothing": 1}, LINEAR, "smoothing: touches nothing"),
        ({"smoothing": 0.2}, TINY, r"smoothing: touches nothing: expected pixels of at least 0\.3"),
        ({"lr_spread": 1}, LINEAR, "lr_spread: touches nothing"),
        ({"magnitude": 0.003}, TINY, "magnitude: touches nothing"),
        ({"bandwidth": 7.5}, TINY, "bandwidth: touches nothing"),
        ({"data_fraction": 0.9999}, TINY, "data_fraction: touches nothing"),
        ({"freeze": 0.5}, TINY, "freeze: touches nothing: expected a loop of your own, with StageController"),
        ({"sequence_length": 0.5}, TINY, "sequence_length: touches nothing"),
        ({"bandwidth": 4}, LINEAR, "expected to take images of 4 pixels"),
        ({"data_fraction": 0.1}, TINY, "at most the 99 examples of the shortest pass, got 128"),
        ({"batch_size": 998}, TINY, "at most the 997 examples"),
    ],
)
def test_a_knob_that_touches_nothing_is_an_error(knobs, backbone, message):
    family = stage(**knobs)
    if knobs == {"data_fraction": 0.9999}:
        family.reach = {"data_fraction": (1.0, 1.0)}
    with pytest.raises(ValueError, match=message):
        student(family, backbone=backbone)


def test_listed_stages_that_are_one_size_for_the_network_are_named():
    family = DigitsStages(stages=[{"bandwidth": 4}, {"bandwidth": 5.5}, {"bandwidth": 6}, {}])
    with pytest.raises(ValueError, match=r"stages 1 and 2: .*got 5\.5 and 6, which both become 6 pixels"):
        student(family)
    student(DigitsStages(stages=[{"resize": 4}, {"resize": 4, "lr_scale": 2}, {"resize": 8}, {}]))


def test_images_that_are_not_square(tmp_path):
    for name in ("train", "test"):
        pixels = np.random.default_rng(0).integers(0, 256, (300, 8, 6)).astype(np.uint8)
        np.savez(tmp_path / f"{name}.npz", images=pixels, labels=np.arange(300) % 10)
    options = {"path": tmp_path, "probe": 10, "validation": 10}
    with pytest.raises(ValueError, match="bandwidth: expected square images, got 8 x 6"):
        student(FashionStages(knobs={"bandwidth": [4, 6]}, **options))
    learner = student(FashionStages(knobs={"lr_scale": [0.5, 2]}, **options), chunk=1.0)
    found = learner.train(rows([[1.0]]))
    assert found.cost[0] == 128 * (2 * 2 * 48 * 9 * 4 + 240)


def test_a_loss_that_is_not_finite_names_stage_and_step(tmp_path):
    learner = student(
        chunk=2e7, training={"lr": 1e30, "optimizer": "sgd", "batch_size": 16}, score="decrease"
    )
    save(tmp_path / "good.npz", learner.state_dict())
    with pytest.raises(
        FloatingPointError, match=r"finite loss, got .* in step \d+ of the stage with bandwidth=4"
    ):
        learner.train(rows([[4.0]] * 5))
    student().load_state_dict(load(tmp_path / "good.npz"))


@pytest.mark.parametrize("score", ["rate", "train"])
def test_weights_that_the_last_step_has_broken_are_noticed(score):
    training = {"lr": 1e30, "optimizer": "sgd", "momentum": 0}
    learner = student(chunk=1.0, training=training, score=score)  # a step a chunk, whose loss is finite
    where = r"got .* on the {} split after step 0 of the stage with bandwidth=4 at learning rate 1e\+30"
    if score == "rate":
        with pytest.raises(FloatingPointError, match=where.format("probe")):
            learner.train(rows([[4.0]]))
    else:
        assert np.isfinite(learner.train(rows([[4.0]])).score).all()
    again = student(chunk=1.0, training=training, score=score)
    again.load_state_dict(learner.state_dict())
    for broken in (learner, again):
        with pytest.raises(FloatingPointError, match=where.format("validation")):
            broken.evaluate(STAGES.test_tasks(), seed=0)
