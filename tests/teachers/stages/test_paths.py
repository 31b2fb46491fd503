"""Paths through training knobs: published schedules by hand, what is refused, and runs on digits."""

import numpy as np
import pytest

from teacherstudent import teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.spaces import Discrete, Parameters
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.teachers.stages.cyclical import cycle_sizes
from teacherstudent.teachers.stages.efficient_train import SIZES, stage_ends
from teacherstudent.teachers.stages.efficient_train_pp import SCHEDULES
from teacherstudent.teachers.stages.rex import profile

SPACE = Parameters(
    bandwidth=(96, 224),
    magnitude=(0, 1),
    lr_spread=(0, 5),
    smoothing=(0, 1),
    data_fraction=(0.1, 1),
    self_distillation=(0, 1),
    lr_scale=(1e-4, 1),
)


def make(name, space=SPACE, **options):
    return teachers.make(name, space, seed=0, **options)


def value(teacher, knob, progress):
    """Return the knob's value in the task that is asked for at ``progress``."""
    tasks = teacher.ask(2, progress=progress).tasks
    assert np.array_equal(tasks[0], tasks[1])
    assert teacher.metrics()[knob] == tasks[0, SPACE.names.index(knob)]
    return float(tasks[0, SPACE.names.index(knob)])


def test_knobs_that_are_not_driven_are_neutral():
    (task,) = make("constant").ask(1).tasks
    assert dict(zip(SPACE.names, task.tolist(), strict=True)) == {
        "bandwidth": 224,
        "magnitude": 0,
        "lr_spread": 0,
        "smoothing": 0,
        "data_fraction": 1,
        "self_distillation": 0,
        "lr_scale": 1,
    }
    teacher = make("ps-kd", values={"magnitude": 0.3})
    assert value(teacher, "magnitude", 0.7) == 0.3
    assert value(teacher, "bandwidth", 0.7) == 224


def test_listed_stages():
    space = Discrete(4, start=2)
    assert make("constant", space).ask(3, progress=0.1).tasks.tolist() == [5, 5, 5]
    assert make("constant", space, stage=1).ask(1).tasks.tolist() == [3]
    equal, own = make("in-order", space), make("in-order", space, shares=(2, 0, 2, 0))
    found = [[t.ask(1, progress=p).tasks[0] for p in (0, 0.24, 0.25, 0.5, 0.99, 1)] for t in (equal, own)]
    assert found == [[2, 2, 3, 4, 5, 5], [2, 2, 2, 4, 4, 4]]


# EfficientTrain: shares of compute by hand. (160/224)^2 = 25/49, (192/224)^2 = 36/49; over 75 + 36 + 49 = 160


def test_stages_of_equal_numbers_of_examples_in_compute():
    np.testing.assert_allclose(stage_ends(np.array(SIZES)), np.array([25, 50, 75, 111, 160]) / 160)
    assert np.sum(np.square(SIZES)) / 5 == pytest.approx(160 / 245)  # 0.653 of a plain run


def test_efficient_train_switches_at_its_shares_of_compute():
    teacher = make("efficient-train")
    for progress, size in ((0, 160), (0.468, 160), (75 / 160, 192), (0.69, 192), (111 / 160, 224), (1, 224)):
        assert value(teacher, "bandwidth", progress) == pytest.approx(size)
    by_examples = make("efficient-train", clock="examples")
    for progress, size in ((0.599, 160), (0.6, 192), (0.799, 192), (0.8, 224)):
        assert value(by_examples, "bandwidth", progress) == pytest.approx(size)


def test_efficient_train_strengthens_augmentation_linearly_in_examples():
    teacher = make("efficient-train")
    for progress, seen in ((0, 0), (75 / 160, 0.6), (93 / 160, 0.7), (111 / 160, 0.8), (1, 1)):
        assert value(teacher, "magnitude", progress) == pytest.approx(0.9 * seen)


def test_efficient_train_by_steps_as_in_the_authors_code():
    teacher = make("efficient-train", ramp="stages", clock="examples")
    found = [value(teacher, "magnitude", p) for p in (0, 0.2, 0.4, 0.6, 0.8, 1)]
    np.testing.assert_allclose(found, [0.1, 0.3, 0.5, 0.7, 0.9, 0.9])


def test_efficient_train_without_augmentation_needs_no_knob_for_it():
    space = Parameters(resize=(0.5, 1))
    teacher = make("efficient-train", space, ramp=None)
    np.testing.assert_allclose(teacher.ask(1).tasks, [[160 / 224]])
    np.testing.assert_allclose(teacher.ask(1, progress=1.0).tasks, [[1.0]])


def test_efficient_train_pp_has_ten_stages_of_equal_compute():
    teacher = make("efficient-train-pp")
    middles = (np.arange(10) + 0.5) / 10
    found = [value(teacher, "bandwidth", p) for p in middles]
    np.testing.assert_allclose(found, [96] * 2 + [160] * 4 + [224] * 4)
    np.testing.assert_allclose([value(teacher, "magnitude", p) for p in middles], np.arange(10) / 10)
    starts = [value(teacher, "bandwidth", p) for p in (0.0, 0.2, 0.6, 1.0)]
    np.testing.assert_allclose(starts, [96, 160, 224, 224])
    deit = make("efficient-train-pp", sizes="deit")
    np.testing.assert_allclose(
        [value(deit, "bandwidth", p) for p in (0.1, 0.3, 0.7, 0.8)], [96, 160, 192, 224]
    )


@pytest.mark.parametrize(("name", "total"), [("resnet", 454.6), ("convnext", 315.2), ("deit", 469.0)])
def test_efficient_train_pp_has_the_schedules_of_the_published_numbers_of_passes(name, total):
    found = 200 / 10 / np.square(SCHEDULES[name])  # over the data, at the compute of 200 full ones
    assert found.sum() == pytest.approx(total, abs=0.1)
    if name == "resnet":
        np.testing.assert_allclose(found, [108.9] * 2 + [39.2] * 4 + [20] * 4, atol=0.05)


def test_lerac_reaches_zero_spread_at_its_share():
    teacher = make("lerac", share=0.2)
    found = [value(teacher, "lr_spread", p) for p in (0, 0.05, 0.1, 0.15, 0.2, 1)]
    np.testing.assert_allclose(found, [5, 3.75, 2.5, 1.25, 0, 0], atol=1e-12)


def test_lerac_gives_the_papers_rates():
    # from 1e-5 to 0.1 in k = 5 steps, four decades below: 1e-5, 6.31e-5, 3.981e-4, 2.512e-3, 1.585e-2, 0.1
    teacher = make("lerac", spread=4, share=1)
    rates = [0.1 * 10 ** -value(teacher, "lr_spread", step / 5) for step in range(6)]
    np.testing.assert_allclose(rates, [1e-5, 6.31e-5, 3.981e-4, 2.512e-3, 1.585e-2, 0.1], rtol=2e-4)


def test_smoothing_decays_by_steps():
    teacher = make("smoothing")
    found = [value(teacher, "smoothing", p) for p in (0, 0.0249, 0.025, 0.05, 0.5, 1)]
    np.testing.assert_allclose(found, [1, 1, 0.9, 0.81, 0.9**20, 0.9**39])


def test_cycle_sizes_by_hand():
    assert cycle_sizes(3).tolist() == [0.25, 0.5, 1, 0.5, 0.25, 0.5]
    sizes = cycle_sizes(30)
    assert (len(sizes), sizes.sum()) == (54, 30)
    np.testing.assert_allclose(cycle_sizes(2, low=0.4, high=0.9), [0.4, 0.8, 0.9])
    np.testing.assert_allclose(cycle_sizes(3, low=0.4, high=0.9), [0.4, 0.8, 0.9, 0.45, 0.4, 0.8])
    assert cycle_sizes(2.5, low=1, high=1).tolist() == [1, 1, 1]


def test_cyclical_gives_each_pass_its_share_of_compute():
    teacher = make("cyclical", epochs=3)  # ends at 0.25, 0.75, 1.75, 2.25, 2.5 and 3
    for spent, size in (
        (0, 0.25),
        (0.24, 0.25),
        (0.25, 0.5),
        (0.75, 1),
        (1.74, 1),
        (1.75, 0.5),
        (2.3, 0.25),
        (3, 0.5),
    ):
        assert value(teacher, "data_fraction", spent / 3) == size


@pytest.mark.parametrize(
    ("law", "at", "expected"),
    [
        ("rex", (0, 0.25, 0.5, 0.75, 0.9), (1, 0.857, 0.667, 0.4, 0.182)),
        ("linear", (0, 0.25, 1), (1, 0.75, 1e-4)),
        ("cosine", (0, 1 / 3, 0.5, 1), (1, 0.75, 0.5, 1e-4)),
        ("constant", (0, 0.5, 1), (1, 1, 1)),
    ],
)
def test_learning_rate_laws(law, at, expected):
    teacher = make("rex", law=law)
    np.testing.assert_allclose([value(teacher, "lr_scale", p) for p in at], expected, atol=5e-4)


def test_rex_bends_from_linear_and_is_read_as_often_as_told():
    for p in (0.1, 0.6):
        assert profile("rex", p) == pytest.approx((1 - p) / (1 - p / 2))
        assert profile("rex", p, d=0.0) == pytest.approx(1 - p)
    teacher = make("rex", readings=4, scale=0.5)
    assert [value(teacher, "lr_scale", p) for p in (0.0, 0.249)] == [0.5, 0.5]
    assert value(teacher, "lr_scale", 0.51) == pytest.approx(1 / 3)


def test_ps_kd_by_hand():
    teacher = make("ps-kd", epochs=4)
    found = [value(teacher, "self_distillation", p) for p in (0, 0.24, 0.25, 0.5, 0.75, 1)]
    np.testing.assert_allclose(found, [0.2, 0.2, 0.4, 0.6, 0.8, 0.8])
    smooth = make("ps-kd")
    np.testing.assert_allclose([value(smooth, "self_distillation", p) for p in (0, 0.5, 1)], [0, 0.4, 0.8])


def test_curricula_compose():
    teacher = make("compose", parts=("efficient-train", {"name": "lerac", "share": 0.5}, "rex"))
    assert value(teacher, "bandwidth", 0.25) == pytest.approx(160)
    assert value(teacher, "lr_spread", 0.25) == 2.5
    assert value(teacher, "lr_scale", 0.25) == pytest.approx(0.75 / 0.875)
    assert value(teacher, "smoothing", 0.25) == 0
    assert make("compose", values={"magnitude": 0.5}).ask(1).tasks[0, 1] == 0.5


SMALL = Parameters(height=(0, 1))


@pytest.mark.parametrize(
    ("name", "space", "options", "message"),
    [
        ("efficient-train", SMALL, {}, "one of the knobs .'bandwidth', 'resize'.*got Parameters"),
        ("efficient-train", Parameters(bandwidth=(96, 224)), {}, "the knob 'magnitude', got"),
        ("efficient-train", Parameters(bandwidth=(200, 224), magnitude=(0, 1)), {}, "contains 160, got"),
        ("efficient-train", SPACE, {"ramp": "steep"}, "ramp: expected one of"),
        ("efficient-train", SPACE, {"clock": "epochs"}, "clock: expected one of"),
        ("efficient-train", SPACE, {"sizes": ()}, r"sizes: expected shares of the full size in \(0, 1\]"),
        ("efficient-train", SPACE, {"sizes": (0.5, 1.5)}, "sizes: expected shares"),
        ("efficient-train", SPACE, {"values": {"magnitude": 0.1}}, "does not drive, got 'magnitude'"),
        ("efficient-train-pp", SPACE, {"sizes": "vgg"}, "sizes: expected one of .*'vgg'"),
        ("efficient-train-pp", SPACE, {"strongest": 1.5}, r"strongest: expected a number in \[0, 1\]"),
        ("lerac", SMALL, {}, "lerac: expected a space with the knob 'lr_spread'"),
        ("lerac", SPACE, {"spread": 6}, "lr_spread: expected a range that contains 6"),
        ("lerac", SPACE, {"share": 0}, r"share: expected a number in \(0, 1\]"),
        ("smoothing", SMALL, {}, "the knob 'smoothing'"),
        ("smoothing", SPACE, {"factor": 1.1}, "factor: expected"),
        ("smoothing", Parameters(smoothing=(0.5, 1)), {}, "contains 0.0164"),
        ("cyclical", SMALL, {}, "the knob 'data_fraction'"),
        ("cyclical", SPACE, {"alpha": 1.0}, "alpha: expected a factor"),
        ("cyclical", SPACE, {"low": 0.5, "high": 0.25}, "high: expected"),
        ("cyclical", SPACE, {"epochs": 0}, "epochs: expected"),
        ("cyclical", SPACE, {"low": 0.05}, "contains 0.05"),
        ("rex", SMALL, {}, "the knob 'lr_scale'"),
        ("rex", SPACE, {"law": "step"}, "law: expected one of"),
        ("rex", SPACE, {"readings": 2.7}, r"rex: readings: expected a whole number .* 1, got 2\.7"),
        ("smoothing", SPACE, {"intervals": 2.5}, "intervals: expected a whole number"),
        ("ps-kd", SPACE, {"epochs": 0}, "epochs: expected a whole number of at least 1, got 0"),
        ("rex", SPACE, {"scale": 2.0}, "contains 2"),
        ("ps-kd", SMALL, {}, "the knob 'self_distillation'"),
        ("ps-kd", SPACE, {"alpha": np.nan}, "alpha: expected"),
        ("constant", SMALL, {}, "values: expected one for the knob 'height'"),
        ("constant", SPACE, {"values": {"width": 1}}, "the knob 'width'"),
        ("constant", SPACE, {"values": {"magnitude": 2}}, "magnitude: expected a range that contains 2"),
        ("constant", Discrete(3), {"values": {"magnitude": 0}}, "expected none for listed stages"),
        ("constant", Discrete(3), {"stage": 3}, "stage: expected one of 3, got 3"),
        ("in-order", Discrete(3), {"shares": (1, 2)}, "shares: expected 3 numbers"),
        ("in-order", Discrete(3), {"shares": (0, 0, 0)}, "shares: expected 3 numbers"),
        ("compose", SPACE, {"parts": ("lerac", "lerac")}, "lr_spread: expected a knob with one teacher"),
        ("compose", SPACE, {"parts": ({"share": 0.1},)}, "expected a name in each"),
    ],
)
def test_bad_input(name, space, options, message):
    with pytest.raises(ValueError, match=message):
        make(name, space, **options)


def test_only_open_loop_teachers_compose():
    with pytest.raises(TypeError, match="expected open-loop teachers, got 'alp-gmm'"):
        make("compose", parts=("alp-gmm",))


@pytest.mark.parametrize("progress", [np.nan, -0.1, 1.5, "0.5", None])
def test_damaged_states_are_refused(progress):
    teacher = make("lerac")
    teacher.ask(1, progress=0.25)
    state = teacher.state_dict()
    with pytest.raises(ValueError, match=r"LeRaC: progress: expected a finite number from 0 to 1, got"):
        make("lerac").load_state_dict(state | {"algorithm": {"progress": progress}})
    other = make("lerac")
    other.load_state_dict(state)
    assert other.metrics() == teacher.metrics()


# Runs on digits

RUNS = {
    "constant": ({"bandwidth": (4, 8)}, {}),
    "efficient-train": ({"bandwidth": (4, 8), "magnitude": (0, 1)}, {}),
    "efficient-train-pp": ({"resize": (3, 8), "magnitude": (0, 1)}, {}),
    "lerac": ({"lr_spread": (0, 3)}, {}),
    "smoothing": ({"smoothing": (0, 1)}, {}),
    "cyclical": ({"data_fraction": (0.25, 1)}, {"epochs": 3}),
    "rex": ({"lr_scale": (1e-3, 1)}, {}),
    "ps-kd": ({"self_distillation": (0, 1)}, {"epochs": 5}),
    "compose": (
        {"bandwidth": (4, 8), "lr_spread": (0, 3)},
        {"parts": [{"name": "efficient-train", "ramp": None}, "lerac"]},
    ),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_on_digits_follows_the_path(name, tmp_path):
    knobs, options = RUNS[name]
    experiment = Experiment(
        teacher=name,
        teacher_options=options,
        family="digits-stages",
        family_options={"knobs": knobs},
        student="classifier",
        student_options={
            "backbone": "resnet",
            "backbone_options": {"widths": (4, 8)},
            "training": {"batch_size": 64, "renorm": 64},
            "machine": {"device": "cpu"},
            "score": "train",
        },
        plan=Plan(budget=5e8, test_every=5e8),
    )
    ledger = experiment.run(tmp_path)
    assert 5e8 <= ledger.spent < 5.5e8
    _, teacher, _ = experiment.build()
    episodes = Run.load(tmp_path).episodes()
    tasks = np.stack([episodes[f"task_{knob}"] for knob in knobs], axis=1)
    assert len(tasks) >= 6
    np.testing.assert_allclose(tasks[0], teacher.ask(1).tasks[0])
    assert (len(np.unique(tasks, axis=0)) > 1) == (name != "constant")
