"""The tables of a card, as Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .weights import BYTES


ACCURACY_LABELS = {
    "NAT": "natural science",
    "SOC": "social science",
    "LAN": "language science",
    "TXT": "with a text context",
    "IMG": "with a picture",
    "NO": "with neither",
    "G1-6": "grades 1 to 6",
    "G7-12": "grades 7 to 12",
}
AVERAGE, ALL_PROBLEMS = "average", "all problems"
RATIONALE_LABELS = {
    "rougeL": "ROUGE-L, `rouge_score` with stemmer",
    "rouge_l": "ROUGE-L, as the official evaluation",
    "bleu1": "BLEU-1",
    "bleu4": "BLEU-4",
    "similarity": "similarity of sentence embeddings",
}


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose first column is of words and whose others are of numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    # The values of a column of the data set may hold what ends a cell or a line.
    escaped = ([" ".join(cell.replace("|", r"\|").split()) for cell in cells] for cells in lines)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in escaped)


def accuracy_table(accuracy: Mapping[str, Any], chance: Mapping[str, Any]) -> str:
    """All problems, the paper's classes, then the values of each column, in percent.

    Args:
        accuracy: entries `{"value", "n", "low", "high"}` by class, or by column and its value.
        chance: what guessing gives, in the same structure.
    """
    names = [AVERAGE, *(name for name in accuracy if name != AVERAGE)]
    rows = []
    for name in names:
        if "value" in accuracy[name]:
            label = ALL_PROBLEMS if name == AVERAGE else f"{name}: {ACCURACY_LABELS[name]}"
            rows.append(accuracy_row(label, accuracy[name], chance[name]))
        else:
            rows += [accuracy_row(f"{name}: {key}", entry, chance[name][key]) for key, entry in accuracy[name].items()]
    return markdown_table(["problems", "accuracy", "95 % interval", "guessing", "n"], rows)


def accuracy_row(label: str, entry: Mapping[str, float], chance: float) -> list[str]:
    """One group of problems."""
    return [label, f"{entry['value']:.1f} %", interval(entry), f"{chance:.1f} %", str(entry["n"])]


def rationale_table(scores: Mapping[str, Mapping[str, float]]) -> str:
    """How near the rationales come to the gold ones, 0 to 1."""
    rows = [
        [RATIONALE_LABELS[name], f"{entry['value']:.3f}", interval(entry, 3), str(entry["n"])]
        for name, entry in scores.items()
    ]
    return markdown_table(["rationales", "score", "95 % interval", "n"], rows)


def ablation_table(ablations: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Accuracy of the full system and of what was taken from it or given to it, and the difference in points."""
    rows = []
    for name, groups in ablations.items():
        for group, scores in groups.items():
            difference = scores.get("difference")
            change = ["", ""] if difference is None else [f"{difference['value']:+.1f}", interval(difference)]
            rows.append([f"{name}, {group}", f"{scores['accuracy']['value']:.1f} %", *change])
    return markdown_table(["system", "accuracy", "difference", "95 % interval"], rows)


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


def interval(entry: Mapping[str, float], digits: int = 1) -> str:
    """The interval of a score."""
    return f"{entry['low']:.{digits}f} to {entry['high']:.{digits}f}"


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
