"""Guesses of how a text goes on, by texts that the model wrote before. They are checked: the text stays the same."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..modeling_mmcot.stage_records_mmcot import find_stage


DRAFTS_FILE = "drafts.json"  # in an export: for each stage texts that it wrote
MOST_CHARACTERS = 200_000  # of them
# A trained model of quickstart's size wrote 2.4 times as fast with these two numbers, for its questions one by one.
CONTEXT = 3  # tokens that a guess looks back at
LONGEST = 8  # tokens of a guess
# Several texts together gain less: 1.8 times for 4, 1.5 for 8, nothing for 32.
MOST_TEXTS = 8


class Drafts:
    """Which token followed most often on the last ones.

    Args:
        texts: tokens of each, from the one that it begins with to the one that ends it.
    """

    def __init__(self, texts: Iterable[Sequence[int]]):
        counts: dict[tuple[int, ...], Counter[int]] = {}
        for text in texts:
            for place in range(1, len(text)):
                before = tuple(text[max(0, place - CONTEXT) : place])
                counts.setdefault(before, Counter())[text[place]] += 1
        self.following = {before: tokens.most_common(1)[0][0] for before, tokens in counts.items()}

    def guess(self, ids: Sequence[int], most: int) -> list[int]:
        """What may follow some tokens, at most so many; nothing where they are new."""
        known = tuple(ids[-CONTEXT:])
        guessed: list[int] = []
        while len(guessed) < min(most, LONGEST) and known in self.following:
            guessed.append(self.following[known])
            known = (*known, guessed[-1])[-CONTEXT:]
        return guessed


def texts_of_predictions(rows: Iterable[Mapping[str, Any]], stages: Iterable[str]) -> dict[str, list[str]]:
    """For each stage that writes a rationale the texts that it wrote, each once.

    Args:
        rows: predictions, with `rationale` and `answer_text`.
        stages: of the model that they are from.
    """
    writing = [find_stage(stage) for stage in stages if find_stage(stage).writes_rationale]
    texts: dict[str, dict[str, None]] = {stage.name: {} for stage in writing}
    characters = 0
    for row in rows:
        for stage in writing:
            text = stage.target.format(rationale=row["rationale"] or "", answer=row["answer_text"])
            if text not in texts[stage.name] and characters + len(text) <= MOST_CHARACTERS:
                texts[stage.name][text] = None
                characters += len(text)
    return {stage: list(found) for stage, found in texts.items()}


def read_drafts(folder: Path) -> dict[str, list[str]]:
    """The texts of each stage that an export has; none without such a file.

    Raises:
        ValueError: for a file that is damaged.
    """
    path = folder / DRAFTS_FILE
    if not path.is_file():
        return {}
    try:
        return {str(stage): [str(text) for text in texts] for stage, texts in json.loads(path.read_bytes()).items()}
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} cannot be read ({error}); remove it, or export the model again.") from error
