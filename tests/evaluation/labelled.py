"""Labelled examples, and predictions that are right."""

import datasets
from PIL import Image


SUBJECTS = ("natural science", "social science", "language science")


def make_examples(n=12, **columns):
    """`n` examples of three options, the right one going round, without pictures unless told otherwise."""
    rows = {
        "id": [f"p{i}" for i in range(n)],
        "question": [f"Which is number {i}?" for i in range(n)],
        "choices": [["one", "two", "three"]] * n,
        "answer": [i % 3 for i in range(n)],
        "hint": ["Count." if i % 2 else "" for i in range(n)],
        "subject": [SUBJECTS[i % 3] for i in range(n)],
        "grade": [f"grade{i + 1}" for i in range(n)],
        "solution": [f"It is number {i}." for i in range(n)],
    }
    return datasets.Dataset.from_dict({name: column for name, column in {**rows, **columns}.items() if column})


def right_answers(dataset):
    return [{"id": row["id"], "choice_index": row["answer"], "rationale": row["solution"]} for row in dataset]


def images_of(*sides):
    return [Image.new("RGB", (side, side + 1), (side, 0, 0)) for side in sides]


def make_examples_with_images():
    """Three examples with two images, none, and one."""
    dataset = make_examples(3, image=[images_of(8, 9), [], images_of(10)])
    assert dataset.features["image"] == datasets.List(datasets.Image())
    return dataset
