"""The loss counts tokens, so that accumulated and distributed small batches equal one large batch."""

import json
import os
import subprocess
import sys
import textwrap

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file
from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments


@pytest.fixture
def batch():
    """Eight questions whose targets differ much in length."""
    generator = torch.Generator().manual_seed(2)
    labels = torch.randint(3, 128, (8, 10), generator=generator)
    lengths = torch.tensor([10, 1, 7, 2, 9, 9, 1, 3])
    return {
        "input_ids": torch.randint(3, 128, (8, 6), generator=generator),
        "image_features": torch.randn(8, 5, 24, generator=generator),
        "labels": labels.masked_fill(torch.arange(10) >= lengths[:, None], -100),
    }


def part(batch, rows):
    return {name: tensor[rows] for name, tensor in batch.items()}


def gradients(model):
    return {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}


def test_loss_is_the_mean_over_target_tokens(tiny_model, batch):
    output = tiny_model(**batch)
    there = batch["labels"] != -100
    log_probabilities = output.logits.log_softmax(-1)[there]
    expected = -log_probabilities.gather(1, batch["labels"][there][:, None]).mean()
    torch.testing.assert_close(output.loss, expected)


def test_padding_of_targets_changes_nothing(tiny_model, batch):
    longer = batch | {"labels": torch.nn.functional.pad(batch["labels"], (0, 5), value=-100)}
    torch.testing.assert_close(tiny_model(**longer).loss, tiny_model(**batch).loss)


def test_labels_equal_shifted_decoder_inputs(tiny_model, batch):
    """The decoder reads its start token, then the target but for its last token; -100 is read as padding."""
    shifted = tiny_model.prepare_decoder_input_ids_from_labels(batch["labels"])
    assert shifted[1].tolist() == [0, batch["labels"][1, 0].item()] + [0] * 8
    assert shifted[0].tolist() == [0, *batch["labels"][0, :-1].tolist()]
    explicit = tiny_model(**batch, decoder_input_ids=shifted)
    torch.testing.assert_close(explicit.loss, tiny_model(**batch).loss)


def test_one_target_token_is_enough(tiny_model, batch):
    batch["labels"] = batch["labels"][:, :1]
    assert tiny_model(**batch).loss.isfinite()


@pytest.mark.parametrize("as_tensor", [True, False])
def test_two_halves_sum_to_the_whole(tiny_model, batch, as_tensor):
    count = (batch["labels"] != -100).sum()
    whole = tiny_model(**batch).loss
    whole.backward()
    expected = {name: gradient.clone() for name, gradient in gradients(tiny_model).items()}
    tiny_model.zero_grad()
    halves = [
        tiny_model(**part(batch, rows), num_items_in_batch=count if as_tensor else count.item()).loss
        for rows in (slice(0, 4), slice(4, 8))
    ]
    torch.testing.assert_close(sum(halves), whole)
    sum(halves).backward()
    for name, gradient in gradients(tiny_model).items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-5, rtol=1e-4)
    # The mean of the halves' means is something else: their token counts differ.
    means = [tiny_model(**part(batch, rows)).loss for rows in (slice(0, 4), slice(4, 8))]
    assert abs(sum(means).item() / 2 - whole.item()) > 1e-3


def train_one_step(model, batch, folder, size, accumulated):
    """Loss and gradient norm of one step of the Trainer over the whole batch."""
    arguments = Seq2SeqTrainingArguments(
        output_dir=str(folder),
        per_device_train_batch_size=size,
        gradient_accumulation_steps=accumulated,
        max_steps=1,
        logging_steps=1,
        learning_rate=0.1,
        optim="sgd",
        lr_scheduler_type="constant",
        max_grad_norm=0.5,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
    )
    rows = Dataset.from_dict({name: tensor.tolist() for name, tensor in batch.items()})
    trainer = Seq2SeqTrainer(model=model, args=arguments, train_dataset=rows)
    trainer.train()
    log = trainer.state.log_history[0]
    return {"loss": log["loss"], "grad_norm": log["grad_norm"]}


def test_accumulation_in_the_trainer_equals_one_batch(without_dropout, batch, tmp_path):
    whole_model, parts_model = without_dropout(), without_dropout()
    whole = train_one_step(whole_model, batch, tmp_path, size=8, accumulated=1)
    parts = train_one_step(parts_model, batch, tmp_path, size=2, accumulated=4)
    assert parts == pytest.approx(whole, rel=1e-4)
    assert whole["loss"] == pytest.approx(without_dropout()(**batch).loss.item(), rel=1e-4)
    for name, weight in parts_model.state_dict().items():
        torch.testing.assert_close(weight, whole_model.state_dict()[name], atol=1e-5, rtol=1e-4)


DISTRIBUTED = """
    import json, sys
    import torch
    from safetensors.torch import load_file
    from datasets import Dataset
    from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments
    from mmcot import MMCoTForConditionalGeneration

    folder, world_size = sys.argv[1], int(sys.argv[2])
    model = MMCoTForConditionalGeneration.from_pretrained(f"{folder}/start")
    batch = load_file(f"{folder}/batch.safetensors")
    rows = Dataset.from_dict({name: tensor.tolist() for name, tensor in batch.items()})
    arguments = Seq2SeqTrainingArguments(
        output_dir=f"{folder}/run{world_size}", per_device_train_batch_size=4 // world_size, max_steps=2,
        train_sampling_strategy="sequential", logging_steps=1, learning_rate=0.1, optim="sgd",
        lr_scheduler_type="constant", report_to="none", save_strategy="no", disable_tqdm=True, use_cpu=True,
        ddp_backend="gloo" if world_size > 1 else None,
    )
    trainer = Seq2SeqTrainer(model=model, args=arguments, train_dataset=rows)
    assert trainer.args.world_size == world_size, trainer.args.world_size
    trainer.train()
    if trainer.is_world_process_zero():
        model.save_pretrained(f"{folder}/end{world_size}")
        with open(f"{folder}/losses{world_size}.json", "w") as file:
            json.dump([log["loss"] for log in trainer.state.log_history if "loss" in log], file)
    del model, trainer
    if world_size > 1:
        torch.distributed.destroy_process_group()  # waits for its threads, now that nothing else holds it
"""


@pytest.mark.slow
def test_two_processes_equal_one(without_dropout, batch, tmp_path):
    """Real processes over gloo; the targets of the two have unequal numbers of tokens."""
    without_dropout().save_pretrained(tmp_path / "start")
    save_file(batch, tmp_path / "batch.safetensors")
    script = tmp_path / "train.py"
    script.write_text(textwrap.dedent(DISTRIBUTED))
    for processes in (1, 2):
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"] if processes == 2 else []
        done = subprocess.run(
            [sys.executable, *launcher, str(script), str(tmp_path), str(processes)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
    losses = [json.loads((tmp_path / f"losses{processes}.json").read_text()) for processes in (1, 2)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-5)
    start, one, two = (load_file(tmp_path / name / "model.safetensors") for name in ("start", "end1", "end2"))
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=1e-5, rtol=1e-5)
    assert any(not torch.allclose(start[name], weight, atol=1e-3) for name, weight in one.items())
