"""Stages in the Trainer of transformers: what reaches the model, what the teacher hears, and resuming."""

import pytest
import torch

from teacherstudent import Discrete, Parameters, StageController, teachers

transformers = pytest.importorskip("transformers", reason="extra trainer")
pytest.importorskip("accelerate", reason="extra trainer")

from teacherstudent.adapters.transformers import CurriculumCallback, _counted  # noqa: E402

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


def language_model():
    torch.manual_seed(0)
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=20, n_embd=8, n_layer=1, n_head=2, n_positions=LENGTH, resid_pdrop=0, embd_pdrop=0,
            attn_pdrop=0,
        )
    )  # fmt: skip


def language(n=16):
    """Return sequences whose first half is a question, whose labels do not count."""
    rows = []
    for row in data(n):
        labels = row["input_ids"].clone()
        labels[:3] = -100
        rows.append({"input_ids": row["input_ids"], "labels": labels})
    return rows


@pytest.mark.parametrize("accumulate", [1, 2])
def test_the_loss_of_a_language_model_is_the_mean_over_the_tokens_that_are_left(tmp_path, accumulate):
    model = language_model()
    heard = []

    def make(model, optimizer):
        teacher = teachers.make("random", Discrete(2), seed=0)
        half = {"sequence_length": 0.5}
        control = StageController(teacher, [half, {**half, "lr_scale": 0.5}], steps=8, optimizer=optimizer)
        step = control.step
        control.step = lambda loss: heard.append(float(loss.mean())) or step(loss)
        return control

    cut = {name: torch.stack([row[name][: LENGTH // 2] for row in language(8)]) for name in language(1)[0]}
    plain = float(model(**cut).loss)
    args = transformers.TrainingArguments(
        output_dir=str(tmp_path),
        max_steps=1,
        per_device_train_batch_size=8 // accumulate,
        gradient_accumulation_steps=accumulate,
        save_strategy="no",
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
    )
    trainer = transformers.Trainer(
        model=model, args=args, train_dataset=language(8), callbacks=[CurriculumCallback(make)]
    )
    found = trainer.train().training_loss
    assert found == pytest.approx(plain, rel=1e-4)
    assert heard == pytest.approx([plain], rel=1e-4)


def test_labels_that_are_given_shifted_are_counted_whole_and_none_is_no_division_by_zero():
    model = language_model()
    tokens = torch.arange(8).view(1, 8)
    before = {"labels": tokens, "shift_labels": tokens, "num_items_in_batch": torch.tensor(16)}
    cut = {**before, "labels": tokens[:, :2], "shift_labels": tokens[:, :2]}
    assert float(_counted(model, before, cut)["num_items_in_batch"]) == 4
    assert _counted(model, before, before) is before
    empty = {**cut, "shift_labels": torch.full((1, 2), -100)}
    assert _counted(model, before, empty) is empty


def test_what_an_interrupted_training_has_left_is_taken_away(tmp_path):
    model = network()
    callback = CurriculumCallback(stages())
    args = transformers.TrainingArguments(output_dir=str(tmp_path), use_cpu=True, report_to=[])
    state = transformers.TrainerState()
    given = {"model": model, "optimizer": torch.optim.SGD(model.parameters(), lr=0.1)}
    callback.on_train_begin(args, state, None, **given)
    callback._after(model, (), {"loss": torch.tensor(9.0)})
    # No end is said: the training was interrupted.
    callback.on_train_begin(args, state, None, **given)
    assert (len(model._forward_pre_hooks), len(model._forward_hooks)) == (1, 1)
    assert callback._losses == []
    callback.on_train_end(args, state, None)
    assert (len(model._forward_pre_hooks), len(model._forward_hooks)) == (0, 0)
