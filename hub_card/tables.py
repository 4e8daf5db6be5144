"""The tables of a card, as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..configuration.metrics import ACCURACY, AVERAGE, CLASSES, METRICS, PAIR_METRICS, Metric
from .markdown import inline
from .weights import BYTES


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is of words and whose others are of numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    # A stroke ends a cell, even within code, but for one behind a backslash.
    escaped = [[cell.replace("|", r"\|") for cell in cells] for cells in lines]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in escaped)


def score_table(metric: Metric, groups: Mapping[str, Any], chance: Mapping[str, Any] | None) -> str:
    """All problems, the paper's classes, then the values of each column, in percent.

    Args:
        metric: the score.
        groups: entries `{"value", "n", "low", "high"}` by class, or by column and its value.
        chance: what guessing gives, in the same structure, where there are options.
    """
    guesses: Mapping[str, Any] = chance or {}
    rows = [score_row(AVERAGE.meaning, groups[AVERAGE.name], guesses.get(AVERAGE.name))]
    for name, scores in groups.items():
        if name == AVERAGE.name:
            continue
        if name in CLASSES:
            rows.append(score_row(f"{name}: {CLASSES[name].meaning}", scores, guesses.get(name)))
        else:
            for value, score in scores.items():
                guess = guesses[name][value] if chance else None
                rows.append(score_row(f"{inline(name)}: {inline(value)}", score, guess))
    return markdown_table(["problems", metric.label, "95 % interval", *(["guessing"] if chance else []), "n"], rows)


def score_row(label: str, score: Mapping[str, float], guess: float | None) -> list[str]:
    """One group of examples."""
    guesses = [] if guess is None else [ACCURACY.text(guess)]
    return [label, ACCURACY.text(score["value"]), ACCURACY.interval(score), *guesses, str(score["n"])]


def baseline_table(baselines: Mapping[str, Mapping[str, Any]]) -> str:
    """What a score stands beside: accuracies, and by how many points the model is better on the same problems."""
    rows = []
    for name, row in baselines.items():
        score, gain = row["accuracy"], row.get("gain")
        better = [f"{gain['value']:+.1f}", ACCURACY.interval(gain)] if gain else ["", ""]
        rows.append([name, ACCURACY.text(score["value"]), *better, str(score["n"])])
    return markdown_table(["system", "accuracy", "model better by", "95 % interval", "n"], rows)


def pair_table(pairs: Mapping[str, Any]) -> str:
    """What a system makes of pairs of problems that differ in one cue."""
    rows = []
    for name, metric in PAIR_METRICS.items():
        if name in pairs:
            score = pairs[name]
            words = f"{metric.label}: {metric.meaning}"
            rows.append([words, metric.text(score["value"]), metric.interval(score), str(score["n"])])
    return markdown_table(["pairs", "score", "95 % interval", "n"], rows)


def rationale_table(scores: Mapping[str, Mapping[str, float]]) -> str:
    """How near the rationales come to the gold ones."""
    rows = []
    for name, score in scores.items():
        metric = METRICS[name]
        words = f"{metric.label}: {metric.meaning}"
        rows.append([words, metric.text(score["value"]), metric.interval(score), str(score["n"])])
    return markdown_table(["rationales", "score", "95 % interval", "n"], rows)


def ablation_table(ablations: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Accuracy of the full system and of what was taken from it or given to it, the difference in points, and where it
    was measured how many answers stay.
    """
    head, rows = ["system", "accuracy", "difference", "95 % interval", "same answers"], []
    for name, groups in ablations.items():
        for group, scores in groups.items():
            change = ["", "", ""]
            if "difference" in scores:
                difference = scores["difference"]
                same = ACCURACY.text(scores["unchanged"]["value"]) if "unchanged" in scores else ""
                change = [f"{difference['value']:+.1f}", ACCURACY.interval(difference), same]
            rows.append([f"{name}, {group}", ACCURACY.text(scores["accuracy"]["value"]), *change])
    columns = len(head) if any(row[-1] for row in rows) else len(head) - 1  # older scores do not have the last
    return markdown_table(head[:columns], [row[:columns] for row in rows])


def training_table(training: Mapping[str, Mapping[str, float]]) -> str:
    """Steps and time of each model's training."""
    rows = [
        [name.replace("_", "-"), f"{record['steps']:,}", duration(record["seconds"])]
        for name, record in training.items()
    ]
    return markdown_table(["model", "steps", "time"], rows)


def weight_table(parameters: Mapping[str, int], labels: Mapping[str, str]) -> str:
    """Parameters and memory of each part of a repository, and of all together.

    Args:
        parameters: by folder, see [`count_by_folder`].
        labels: what the folders hold.
    """
    parts = {label: parameters[folder] for folder, label in labels.items()}
    if len(parts) > 1:
        parts["together"] = sum(parts.values())
    rows = [
        [label, f"{count:,}", *(memory(count * size) for size in BYTES.values())] for label, count in parts.items()
    ]
    return markdown_table(["weights", "parameters", *BYTES], rows)


def duration(seconds: float) -> str:
    """A time in its two largest units."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if minutes else f"{rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def memory(size: int) -> str:
    """Bytes as a round number."""
    unit, name = next(((unit, name) for unit, name in ((1e9, "GB"), (1e6, "MB")) if size >= unit), (1e3, "kB"))
    return f"{size / unit:.1f} {name}"
