"""Teachers in a Lightning trainer: what they hear, when stages change, and going on from a checkpoint."""

import pytest
import torch
import torch.nn.functional as functional
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from teacherstudent import Discrete, Indexed, Parameters, StageController, TeacherBatchSampler, teachers

pl = pytest.importorskip("lightning.pytorch", reason="extra lightning")

from teacherstudent.adapters.lightning import Curriculum  # noqa: E402

N = 40


class Module(pl.LightningModule):
    """A small network; what its steps return can be cut down."""

    def __init__(self, returns=("loss", "losses", "indices")):
        super().__init__()
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 1), nn.Flatten(0))
        self.returns = returns
        self.seen = []
        self.means = []

    def training_step(self, batch, number):
        (features, targets), indices = batch
        losses = functional.mse_loss(self.network(features), targets, reduction="none")
        self.seen.append(indices.tolist())
        self.means.append(float(losses.detach().mean()))
        found = {"loss": losses.mean(), "losses": losses.detach(), "indices": indices}
        return {name: found[name] for name in self.returns}

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.01)


def parts(**options):
    torch.manual_seed(1)
    data = Indexed(TensorDataset(torch.randn(N, 3), torch.randn(N)))
    teacher = teachers.make("loss-proportional", Discrete(N), seed=0)
    sampler = TeacherBatchSampler(teacher, N, batch_size=10, epochs=2)
    space = Parameters(lr_scale=(0.1, 1.0))
    curriculum = Curriculum(
        sampler=sampler,
        stages=lambda model, optimizer: StageController(
            teachers.make("random", space, seed=0), steps=8, chunk=2, optimizer=optimizer
        ),
    )
    return Module(**options), DataLoader(data, batch_sampler=sampler), curriculum


def trainer(curriculum, epochs, **options):
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    return pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        callbacks=[curriculum],
        enable_model_summary=False,
        **quiet,
        **options,
    )


def test_teachers_hear_of_batches_and_stages_change():
    module, loader, curriculum = parts()
    trainer(curriculum, 2).fit(module, loader)
    assert curriculum.sampler.spent()["train"] == 2 * N
    assert curriculum.sampler.teacher.metrics()["known"] > 0.5
    assert curriculum.stages.steps_done == 8
    assert curriculum.stages.progress == 1


def test_accumulated_gradients_are_one_step():
    module, loader, curriculum = parts()
    heard = []
    make = curriculum._make

    def listening(model, optimizer):
        made = make(model, optimizer)
        tell = made.teacher.tell
        made.teacher.tell = lambda outcomes: heard.extend(outcomes.score.tolist()) or tell(outcomes)
        return made

    curriculum._make = listening
    trainer(curriculum, 1, accumulate_grad_batches=2).fit(module, loader)
    assert curriculum.stages.steps_done == 2
    # The teacher hears of the mean loss of all batches of the two steps, whether gradients are added or not.
    assert heard == pytest.approx([-sum(module.means) / 4])


def test_a_run_goes_on_from_a_checkpoint(tmp_path):
    module, loader, curriculum = parts()
    first = trainer(curriculum, 1)
    first.fit(module, loader)
    first.save_checkpoint(tmp_path / "half.ckpt")
    second = trainer(curriculum, 2)
    second.fit(module, loader, ckpt_path=tmp_path / "half.ckpt", weights_only=False)
    whole, weights = module.seen, module.network[0].weight
    module, loader, curriculum = parts()
    trainer(curriculum, 2).fit(module, loader, ckpt_path=tmp_path / "half.ckpt", weights_only=False)
    assert module.seen == whole[4:]
    assert torch.equal(module.network[0].weight, weights)
    assert curriculum.stages.steps_done == 8


@pytest.mark.parametrize("returns", [("loss",), ("loss", "losses")])
def test_a_step_that_returns_too_little_is_refused(returns):
    module, loader, curriculum = parts(returns=returns)
    with pytest.raises(
        TypeError, match="expected training_step to return a dict of loss, losses and indices"
    ):
        trainer(curriculum, 1).fit(module, loader)


def test_nothing_to_do_is_refused():
    with pytest.raises(ValueError, match="expected a sampler or stages, got neither"):
        Curriculum()
