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
        if "accuracy" not in self.metrics:
            return (
                "Nothing is known of how good this model is: it has no `metrics.json`. Ask it what you know yourself."
            )
        return "\n".join(
            [score_sentence(self.metrics), "", *class_table(self.metrics), "", *trust_lines(self.metrics)]
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


def score_sentence(metrics: dict[str, Any]) -> str:
    """The most important score in a sentence."""
    score = metrics["accuracy"]["average"]
    return (
        f"**{score['value']:.1f} %** of {score['n']} problems that it had not seen were answered right (95 % interval "
        f"{score['low']:.1f} to {score['high']:.1f}); guessing gives {metrics['chance']['average']:.1f} %."
    )


def class_table(metrics: dict[str, Any]) -> list[str]:
    """Accuracy by class of problems."""
    lines = ["| problems | right | 95 % interval | guessing | number |", "| --- | ---: | ---: | ---: | ---: |"]
    for name, score in metrics["accuracy"].items():
        if "value" in score:
            interval = f"{score['low']:.1f} to {score['high']:.1f}"
            guessing = metrics["chance"][name]
            lines.append(f"| {name} | {score['value']:.1f} % | {interval} | {guessing:.1f} % | {score['n']} |")
    return lines


def trust_lines(metrics: dict[str, Any]) -> list[str]:
    """What confidences are worth."""
    confidence = metrics.get("confidence")
    if not confidence:
        return []
    error = f"Confidences are off by {confidence['calibration_error']:.1f} points on average on these problems"
    if confidence["auroc"] is None:
        return [f"{error}."]
    return [f"{error}, and a right answer is surer than a wrong one in {confidence['auroc']:.0%} of pairs."]
