"""Stages in the Trainer of transformers: what reaches the model, what the teacher hears, and resuming."""

import pytest
import torch

from teacherstudent import Parameters, StageController, teachers

transformers = pytest.importorskip("transformers", reason="extra trainer")
pytest.importorskip("accelerate", reason="extra trainer")

from teacherstudent.adapters.transformers import CurriculumCallback  # noqa: E402

LENGTH = 16


def network():
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
    )
    return transformers.BertForSequenceClassification(config)


def data(n=16):
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(20, (n, LENGTH), generator=generator)
    return [
        {"input_ids": row, "attention_mask": torch.ones_like(row), "labels": int(row[0]) % 2}
        for row in tokens
    ]


def stages(**knobs):
    """Return what makes a controller of a growing sequence and a falling rate."""

    def make(model, optimizer):
        space = Parameters(**(knobs or {"sequence_length": (0.25, 1), "lr_scale": (0.1, 1)}))
        teacher = teachers.make("random", space, seed=0)
        return StageController(teacher, steps=8, chunk=2, model=model, optimizer=optimizer)

    return make


class Lengths:
    """Notes how long the sequences are that a model is trained on."""

    def __init__(self, model):
        self.seen = []
        model.bert.register_forward_pre_hook(self._note, with_kwargs=True)

    def _note(self, module, args, given):
        if module.training:
            mask = given["attention_mask"]
            self.seen.append((args[0] if args else given["input_ids"]).shape[1])
            assert mask.shape[1] == self.seen[-1]


def train(folder, make, *, resume=None, epochs=4, accumulate=1):
    model = network()
    lengths = Lengths(model)
    callback = CurriculumCallback(make)
    args = transformers.TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=epochs,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=accumulate,
        save_steps=4,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        seed=0,
    )
    trainer = transformers.Trainer(model=model, args=args, train_dataset=data(), callbacks=[callback])
    trainer.train(resume_from_checkpoint=resume)
    return callback.stages, lengths.seen, model


def test_stages_cut_what_reaches_the_model_and_go_on_after_a_checkpoint(tmp_path):
    control, seen, model = train(tmp_path, stages())
    assert control.steps_done == 8
    assert control.teacher.outstanding.size == 0
    assert len(seen) == 8
    assert seen[0::2] == seen[1::2]  # a stage lasts for two steps
    assert len(set(seen)) > 1
    assert all(4 <= length <= LENGTH for length in seen)
    assert (tmp_path / "checkpoint-4" / "curriculum.npz").exists()
    again, rest, other = train(tmp_path, stages(), resume=str(tmp_path / "checkpoint-4"))
    assert rest == seen[4:]
    assert again.steps_done == 8
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
    # The hooks are gone: another training of this model is its own.
    assert not model._forward_pre_hooks
    assert not model._forward_hooks


def test_accumulated_batches_are_one_step(tmp_path):
    control, seen, _ = train(tmp_path, stages(lr_scale=(0.1, 1)), epochs=2, accumulate=2)
    assert (control.steps_done, len(seen)) == (2, 4)


def test_what_needs_a_loop_of_ones_own_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected knobs other than magnitude, which needs a loop"):
        train(tmp_path, stages(magnitude=(0, 1)))


def test_a_model_without_a_loss_is_refused():
    callback = CurriculumCallback(stages())
    with pytest.raises(ValueError, match="expected a model that returns a loss, got dict without any"):
        callback._after(torch.nn.Linear(1, 1), (), {"logits": torch.ones(1)})
