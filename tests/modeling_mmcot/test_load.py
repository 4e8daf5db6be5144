"""Much work: many calls, large batches and worker processes change no answer and no error, and take no more memory."""

import gc
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


WORDS = [
    "Which",
    "colour",
    "animal",
    "picture",
    "ball",
    "cat",
    "dog",
    "red",
    "blue",
    "green",
    "has",
    "the",
    "is",
    "in",
    "a",
]
SHORT = {"max_new_tokens": 4}
PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def pipe(tiny_processor, make_two_stages):
    return make_two_stages(tiny_processor)


def picture(rng):
    size = rng.choice([(16, 16), (40, 9), (7, 90), (200, 120), (1, 1)])
    pixels = np.random.default_rng(rng.randrange(2**32)).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(pixels).convert(rng.choice(["RGB", "L", "RGBA", "P"]))


def questions(count, longest=200):
    """Questions of unlike length and number of options, with no picture, one, or several.

    `longest` is the number of words in the longest context.
    """
    rng = random.Random(0)
    rows = []
    for _ in range(count):
        row = {"question": " ".join(rng.choices(WORDS, k=rng.randint(1, 30)))}
        row["choices"] = [" ".join(rng.choices(WORDS, k=rng.randint(1, 4))) for _ in range(rng.randint(2, 6))]
        row["image"] = [picture(rng) for _ in range(rng.choice([0, 1, 1, 3]))]
        row["context"] = " ".join(rng.choices(WORDS, k=rng.choice([0, 9, longest])))
        rows.append(row)
    return rows


def same(answers, expected):
    """The same texts, and numbers that differ by no more than the order of sums explains."""
    for answer, other in zip(answers, expected, strict=True):
        assert answer["scores"] == pytest.approx(other["scores"], abs=1e-4)
        assert {**answer, "scores": None} == {**other, "scores": None}
    return True


@pytest.mark.slow
def test_batches_of_64_are_what_each_question_gets_alone(pipe):
    rows = questions(64)
    alone = [pipe(row, **SHORT) for row in rows]
    assert len({answer["rationale"] for answer in alone}) > 32
    for size in (64, 13):
        assert same(pipe(rows, batch_size=size, **SHORT), alone)


def resident():
    """Memory of this process in bytes."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only Linux says it so")
def test_a_thousand_calls_leave_nothing_behind(pipe):
    rows = questions(100, longest=20)
    for row in rows * 2:
        pipe(row, max_new_tokens=2)
    before = resident()
    for row in rows * 10:
        pipe(row, max_new_tokens=2)
    grown = resident() - before
    assert grown < 10_000_000, f"{grown / 1e6:.1f} MB"


SPAWN = """
import json, sys
import torch
from transformers import pipeline


def main():
    torch.multiprocessing.set_start_method("spawn")
    pipe = pipeline("multimodal-cot", model=sys.argv[1], trust_remote_code=True)
    rows = json.load(open(sys.argv[2]))
    settings = {"batch_size": 3, "max_new_tokens": 4, "on_error": "return"}
    print(json.dumps([pipe(rows, num_workers=workers, **settings) for workers in (0, 2)]))


if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
def test_processes_that_start_afresh_read_questions_of_a_saved_folder(pipe, tmp_path):
    """Where a program forks, as it does unless it says otherwise, see the tests of the pipeline's inputs."""
    pipe.save_pretrained(tmp_path / "model")
    rows = questions(8)
    for number, row in enumerate(rows):
        paths = [str(tmp_path / f"{number} {place}.png") for place in range(len(row["image"]))]
        for image, path in zip(row["image"], paths, strict=True):
            image.save(path)
        row["image"] = paths
    rows.append({"question": "Which?", "choices": ["a", "b"], "image": "none.png"})
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    (tmp_path / "workers.py").write_text(SPAWN)
    words = [tmp_path / "workers.py", tmp_path / "model", tmp_path / "rows.json"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    alone, together = json.loads(done.stdout.splitlines()[-1])
    assert together == alone
    assert alone[8]["error"].startswith("The picture 'none.png' does not exist")
