"""SketchQA's families without options: a number or a word is asked for, and only where they are named."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from scipy import ndimage

from mmcot.data import load_splits
from mmcot.data.sketchqa import FAMILIES, SketchQAOptions, compose, contact_sheet
from mmcot.data.sketchqa.drawing import Canvas
from mmcot.data.sketchqa.families import FREE_FAMILIES
from mmcot.data.sketchqa.words import draw_count


def texts(name, split="train", **options):
    return list(compose(split, SketchQAOptions(families=(name,), **options)))


@pytest.mark.parametrize("name", FREE_FAMILIES)
def test_rows(name):
    rows = texts(name, train=1200)
    answers = Counter(row["accepted_answers"][0] for row in rows)
    assert all(abs(count - 1200 / len(answers)) < 90 for count in answers.values())
    for row in rows:
        assert (row["choices"], row["answer"], row["task"]) == ([], None, "free answer")
        (answer,) = row["accepted_answers"]
        assert row["solution"].endswith(f" {answer}.")
        assert answer not in f"{row['question']} {row['hint']}".split()


@pytest.mark.parametrize("name", FREE_FAMILIES)
def test_text_says_nothing_of_the_answer(name):
    """Whoever knows the question best has seen every answer to it about equally often."""
    asked = Counter((row["question"], row["accepted_answers"][0]) for row in texts(name, train=6000))
    for question in {question for question, _ in asked}:
        counts = [count for (other, _), count in asked.items() if other == question]
        assert max(counts) < 1.6 * sum(counts) / len(counts)


def test_they_are_drawn_only_by_name():
    assert not FREE_FAMILIES.keys() & FAMILIES.keys()
    assert SketchQAOptions().families == tuple(FAMILIES)
    assert "accepted_answers" not in load_splits("sketchqa:train=2,validation=1,test=1,size=32")["train"].column_names
    mixed = load_splits("sketchqa:train=20,validation=1,test=1,size=32,families=count+moon,text_only=0")["train"]
    assert {bool(row["choices"]) for row in mixed} == {True, False}
    assert all(bool(row["choices"]) != bool(row["accepted_answers"]) for row in mixed)


def test_splits_share_no_text():
    train, test = (
        {(row["question"], row["hint"]) for row in texts("colour", split, train=3000, test=600)}
        for split in ("train", "test")
    )
    assert not train & test


@pytest.mark.parametrize(("rows", "blobs"), [((0, 1), 1), ((1, 0), 1), ((3, 3), 6), ((2, 3), 5)])
def test_as_many_balls_are_drawn_as_are_counted(rows, blobs):
    canvas = Canvas(160, Random(0))
    draw_count(canvas, rows)
    pixels = np.asarray(canvas.image()).astype(int)
    colourful = pixels.max(-1) - pixels.min(-1) > 70
    assert ndimage.label(colourful)[1] == blobs


def test_contact_sheet():
    sheet = contact_sheet(SketchQAOptions(families=tuple(FREE_FAMILIES)))
    assert sheet.width == 920
