"""Options in another order at each epoch: the letter moves with its option, and what names letters is left alone."""

import pytest
import torch
from safetensors.torch import load_file
from transformers import TrainerCallback, TrainerState

from mmcot.data import load_splits
from mmcot.training.option_order import REORDERED, OptionOrder, describe_order, names_letters
from mmcot.training.trainer import MMCoTTrainer
from mmcot.training.two_stage import run_recipe


ROW = {"id": "7", "question": "Which?", "choices": ["gas", "solid", "liquid", "plasma"], "answer": 1, "hint": None}
SHUFFLED = ["--answer.shuffle_options", "true"]


def in_epoch(order, epoch):
    order.on_epoch_begin(None, TrainerState(epoch=epoch), None)
    return order.reorder(ROW)


def test_the_letter_moves_with_its_option():
    order = OptionOrder(seed=0)
    rows = [in_epoch(order, epoch) for epoch in range(20)]
    assert {row["choices"][row["answer"]] for row in rows} == {"solid"}
    assert all(sorted(row["choices"]) == sorted(ROW["choices"]) for row in rows)
    assert len({tuple(row["choices"]) for row in rows}) > 10
    assert {row["answer"] for row in rows} == {0, 1, 2, 3}


def test_an_order_depends_on_seed_epoch_and_problem_alone():
    first, second = OptionOrder(seed=3), OptionOrder(seed=3)
    in_epoch(first, 1)
    # A training that goes on in the middle of its third epoch.
    assert in_epoch(first, 2.0) == in_epoch(second, 2.5)
    assert in_epoch(OptionOrder(seed=4), 2.0)["choices"] != in_epoch(second, 2.0)["choices"]


def test_a_question_without_options_stays_as_it_is():
    row = ROW | {"choices": [], "answer": None}
    assert OptionOrder(seed=0).reorder(row) == row


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("So the answer is (B).", True),
        ("Option C fits, for it melts.", True),
        ("The answer is D", True),
        ("All of the above are right.", True),
        ("The allele for a hairy fleece (F) is dominant.", False),
        ("The answer is a gas.", False),
        ("A solid keeps its shape.", False),
    ],
)
@pytest.mark.parametrize("column", ["solution", "hint", "generated_rationale", "question"])
def test_texts_that_name_letters_or_places(text, named, column):
    assert names_letters({**ROW, column: text}) == named


@pytest.fixture
def trainer(tiny_model, tiny_processor, tiny_recipe, tmp_path):
    arguments = tiny_recipe(tmp_path / "run", *SHUFFLED).training["answer"]
    splits = load_splits("sketchqa:train=32,validation=8,test=1,size=16,families=states+litmus")
    lettered = splits["train"].map(
        lambda row, place: {"solution": "It is (A)."} if place == 0 else row, with_indices=True
    )
    return MMCoTTrainer(tiny_model, arguments, ["answer"], tiny_processor, lettered, splits["validation"])


def read(trainer, loader):
    """Prompts and targets of all batches, by the question and options without their order."""
    decode = trainer.processing_class.tokenizer.batch_decode
    batches = [(decode(batch["input_ids"]), decode(batch["labels"].clamp(0))) for batch in loader]
    return sorted(text for prompts, targets in batches for text in map(" ".join, zip(prompts, targets, strict=True)))


def test_training_reads_them_in_another_order_and_evaluation_does_not(trainer):
    (order,) = (callback for callback in trainer.callback_handler.callbacks if isinstance(callback, OptionOrder))
    seen = []
    for epoch in (0, 1, 0):
        order.on_epoch_begin(None, TrainerState(epoch=epoch), None)
        seen.append(read(trainer, trainer.get_train_dataloader()))
    assert seen[0] == seen[2] != seen[1]
    assert "but in 1 of 32 problems" in describe_order(trainer.train_dataset)
    assert REORDERED not in trainer.eval_dataset.column_names


class Stop(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 3 and args.output_dir.endswith("answer"):
            raise KeyboardInterrupt


@pytest.mark.slow
def test_a_training_that_goes_on_reads_what_it_would_have_read(tiny_recipe, tmp_path, monkeypatch):
    words = [*SHUFFLED, "--answer.max_steps", "6", "--answer.eval_steps", "2", "--answer.save_steps", "2"]
    run_recipe(tiny_recipe(tmp_path / "whole", *words), print)
    broken = tiny_recipe(tmp_path / "broken", *words)
    with monkeypatch.context() as patch:
        patch.setattr("mmcot.training.train_model.CheckpointNotes.on_step_begin", Stop.on_step_end, raising=False)
        with pytest.raises(KeyboardInterrupt):
            run_recipe(broken, print)
    run_recipe(broken, print)
    whole, again = (load_file(tmp_path / name / "answer" / "model.safetensors") for name in ("whole", "broken"))
    assert all(torch.equal(weight, again[name]) for name, weight in whole.items())
