"""What a page says of its model: which it is, under which licence, and how good it was found to be."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard
from transformers.utils import cached_file


UNKNOWN = "not stated"


@dataclass
class About:
    """Facts on a model.

    Args:
        name: folder or Hub id.
        revision: commit it was loaded from, where it is on the Hub.
        licence: as its card names it.
        metrics: what its `metrics.json` holds.
        picture: that of the example in it.
    """

    name: str
    revision: str | None = None
    licence: str = UNKNOWN
    metrics: dict[str, Any] = field(default_factory=dict)
    picture: Path | None = None

    @property
    def headline(self) -> str:
        """One line of Markdown."""
        commit = f" · commit `{self.revision[:12]}`" if self.revision else ""
        return f"`{self.name}`{commit} · licence: {self.licence}"

    @property
    def example(self) -> list[str | None] | None:
        """Picture, question, options and context of a problem that it was tried on."""
        example = self.metrics.get("example")
        if not example:
            return None
        picture = str(self.picture) if example["picture"] and self.picture else None
        return [picture, example["question"], "\n".join(example["choices"]), example.get("context", "")]

    @property
    def quality(self) -> str:
        """How good the model was found to be, as Markdown."""
        known = [(scores, name) for scores, name in kinds_of(self.metrics) if name in scores]
        if not known:
            return (
                "Nothing is known of how good this model is: it has no `metrics.json`. Ask it what you know yourself."
            )
        return "\n\n".join(
            "\n".join([score_sentence(scores, name), "", *class_table(scores, name), "", *trust_lines(scores)])
            for scores, name in known
        )


def read_about(model: str, revision: str | None = None) -> About:
    """Facts on a folder or Hub id; what it does not say stays unsaid."""
    card = find_file(model, "README.md", revision)
    metrics = find_file(model, "metrics.json", revision)
    licence = ModelCard.load(card).data.get("license") if card else None
    commit = None if Path(model).is_dir() or card is None else commit_of(card)
    return About(
        name=Path(model).name if Path(model).is_dir() else model,
        revision=commit,
        licence=str(licence or UNKNOWN),
        metrics=json.loads(metrics.read_text(encoding="utf-8")) if metrics else {},
        picture=find_file(model, "example_picture.png", revision),
    )


def find_file(model: str, name: str, revision: str | None) -> Path | None:
    """A file of a folder or repository, where there is one."""
    found = cached_file(
        model,
        name,
        revision=revision or "main",
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
    )
    return Path(found) if found else None


def commit_of(path: Path) -> str | None:
    """The commit in the path of a downloaded file."""
    parts = path.parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts else None


def kinds_of(metrics: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The scores of problems with options and of those without, each with the name of the most important one."""
    return [(metrics, "accuracy"), (metrics.get("without_options", {}), "exact_match")]


def score_sentence(scores: dict[str, Any], name: str) -> str:
    """The most important score in a sentence."""
    score, guessing = scores[name]["average"], scores.get("chance")
    kind = " without options" if guessing is None else ""
    beside = "" if guessing is None else f"; guessing gives {guessing['average']:.1f} %"
    return (
        f"**{score['value']:.1f} %** of {score['n']} problems{kind} that it had not seen were answered right (95 % "
        f"interval {score['low']:.1f} to {score['high']:.1f}){beside}."
    )


def class_table(scores: dict[str, Any], name: str) -> list[str]:
    """Right answers by class of problems."""
    chance = scores.get("chance")
    guesses = [] if chance is None else ["guessing"]
    head = ["problems", "right", "95 % interval", *guesses, "number"]
    rows = [head, ["---", *["---:"] * (len(head) - 1)]]
    for group, score in scores[name].items():
        if "value" in score:
            interval = f"{score['low']:.1f} to {score['high']:.1f}"
            guess = [] if chance is None else [f"{chance[group]:.1f} %"]
            rows.append([group, f"{score['value']:.1f} %", interval, *guess, str(score["n"])])
    return [f"| {' | '.join(row)} |" for row in rows]


def trust_lines(metrics: dict[str, Any]) -> list[str]:
    """What confidences are worth."""
    confidence = metrics.get("confidence")
    if not confidence:
        return []
    error = f"Confidences are off by {confidence['calibration_error']:.1f} points on average on these problems"
    if confidence["auroc"] is None:
        return [f"{error}."]
    return [f"{error}, and a right answer is surer than a wrong one in {confidence['auroc']:.0%} of pairs."]
