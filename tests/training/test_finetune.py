"""`docs/finetune.py`, as somebody runs it who has their own problems and knows transformers' Trainer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.testing import assert_close
from transformers import pipeline

from mmcot import MMCoTForConditionalGeneration, MMCoTProcessor


SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "finetune.py"
# By SGD and without dropout, so that steps of other batches or processes differ by rounding alone.
SETTINGS = [
    *("--max_steps", "30", "--learning_rate", "0.3", "--lr_scheduler_type", "constant", "--optim", "sgd"),
    *("--use_cpu", "true", "--disable_tqdm", "true", "--report_to", "none"),
]
ONE_PROCESS = [sys.executable]
TWO_PROCESSES = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SCRIPT.is_file(), reason="needs the whole checkout, not the tests alone"),
]


@pytest.fixture
def problems(tmp_path):
    """Twelve of them, some without picture or hint."""
    rows = []
    for number in range(12):
        colour = ["red", "green", "blue"][number % 3]
        row = {"question": "Which colour has the ball?", "choices": ["red", "green", "blue"], "answer": number % 3}
        row["solution"] = f"The ball in the picture is {colour}. So its colour is {colour}."
        if number % 4:
            Image.new("RGB", (20, 12), colour).save(tmp_path / f"{number}.png")
            row |= {"image": f"{number}.png", "hint": "Look at the ball."}
        rows.append(row)
    (tmp_path / "mine.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return rows


@pytest.fixture
def parts(make_model, new_processor, tmp_path):
    """Words of a command that name a tiny language model and image encoder."""
    whole, processor = make_model(), new_processor()
    whole.language_model.config.dropout_rate = 0.0
    for part, model, reader in (
        ("text", whole.language_model, processor.tokenizer),
        ("vision", whole.vision_tower, processor.image_processor),
    ):
        model.save_pretrained(tmp_path / part)
        reader.save_pretrained(tmp_path / part)
    return ["--text_model", str(tmp_path / "text"), "--vision_model", str(tmp_path / "vision")]


def finetune(launch, folder, *words):
    done = subprocess.run(
        [*launch, str(SCRIPT), str(folder.parent / "mine.jsonl"), "--output_dir", str(folder), *words, *SETTINGS],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=400,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def mean_loss(model, processor, problems, folder, stage):
    images = [folder / row["image"] if "image" in row else None for row in problems]
    prompts = [processor.build_prompt(row, stage) for row in problems]
    targets = [processor.build_target(row, stage) for row in problems]
    with torch.no_grad():
        return model(**processor(images=images, text=prompts, text_target=targets)).loss.item()


def test_script_trains_both_stages_by_one_process_or_two(problems, parts, tmp_path):
    finetune(ONE_PROCESS, tmp_path / "one", *parts, "--per_device_train_batch_size", "4")
    finetune(TWO_PROCESSES, tmp_path / "two", *parts, "--per_device_train_batch_size", "2")
    processor = MMCoTProcessor.from_pretrained(tmp_path / "one")
    start = MMCoTForConditionalGeneration.from_pretrained_parts(*parts[1::2])
    for stage, place in (("rationale", "."), ("answer", "answer")):
        one, two = (MMCoTForConditionalGeneration.from_pretrained(tmp_path / run / place) for run in ("one", "two"))
        before, after = (mean_loss(model, processor, problems, tmp_path, stage) for model in (start, one))
        assert after < before / 2
        assert_close(one.state_dict(), two.state_dict(), rtol=1e-3, atol=1e-4)

    pipe = pipeline("multimodal-cot", model=str(tmp_path / "two"), trust_remote_code=True)
    answer = pipe({**problems[1], "image": str(tmp_path / problems[1]["image"])})
    assert "the picture" in answer["rationale"]
    assert answer["choice"] in problems[1]["choices"]
