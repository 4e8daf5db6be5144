"""Options in another order at each epoch: what a letter stands for cannot be learned by heart, so it is looked up."""

import random
import re
import zlib
from collections.abc import Mapping
from typing import Any

import datasets
import torch
from transformers import TrainerCallback

from ..data.examples import written_column
from ..data.image_column import without_images
from ..modeling_mmcot.prompt_mmcot import letter
from ..modeling_mmcot.stage_records_mmcot import STAGES


# "(B)", "option B", "answer is B", "all of the above": texts that another order of the options would make wrong.
LETTER = re.compile(r"\(([A-Z])\)|\b(?i:option|choice|answer)(?: is)?:? \(?([A-Z])\b(?!')")
PLACE = re.compile(r"\b(?:both|neither|all|none|any) of the (?:above|other)", re.IGNORECASE)
# Marks the rows of a training that may be reordered.
REORDERED = "options_reordered"
READ = ("question", "hint", "caption", "lecture", "solution", *(written_column(stage) for stage in STAGES))


class OptionOrder(TrainerCallback):
    """Which epoch it is, for all processes that make batches, and the order of a problem's options in it.

    Args:
        seed: with the epoch and the problem's id, it decides the order, so that a training that goes on after a stop
            reads what it would have read.
    """

    def __init__(self, seed: int):
        self.seed = seed
        # In shared memory: processes that load data are started once where they persist.
        self.epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    def on_epoch_begin(self, args, state, control, **kwargs):
        self.epoch.fill_(int(state.epoch or 0))

    def reorder(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """A problem with its options in the order of this epoch; the right one moves with its text."""
        if not row["choices"]:
            return row
        order = list(range(len(row["choices"])))
        drawn = zlib.crc32(f"{self.seed} {int(self.epoch)} {row['id']}".encode())
        random.Random(drawn).shuffle(order)
        return {**row, "choices": [row["choices"][place] for place in order], "answer": order.index(row["answer"])}


def mark_reordered(rows: datasets.Dataset) -> datasets.Dataset:
    """Rows to train on, with a mark at each whose options may come in any order."""
    return rows.add_column(REORDERED, [not names_letters(row) for row in without_images(rows).to_list()])


def describe_order(rows: datasets.Dataset) -> str:
    """How many of these rows keep the order of their options."""
    kept = rows[REORDERED][:].count(False)
    where = f" but in {kept} of {len(rows)} problems, where a text speaks of their letters or places" if kept else ""
    return f"Options come in another order at each epoch{where}."


def names_letters(row: Mapping[str, Any]) -> bool:
    """Whether a text of a problem speaks of its options by their letters or places."""
    letters = {letter(index) for index in range(len(row["choices"]))}
    texts = [*(row.get(name) or "" for name in READ), *row["choices"]]
    return any(
        PLACE.search(text) or any(letters & set(match.groups()) for match in LETTER.finditer(text)) for text in texts
    )
