"""A score where the leaderboard of its benchmark finds it: a file in `.eval_results/` of what is published.

Only for data sets on the Hub's list of benchmarks, which changes: the Hub is asked. The card has its `model-index` in
any case. See https://huggingface.co/docs/hub/eval-results.
"""

from pathlib import Path, PurePosixPath

import yaml
from huggingface_hub import EvalResultEntry, HfApi, eval_result_entries_to_yaml, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled

from ..configuration.metrics import AVERAGE
from ..configuration.repository import Repository
from .training_data import describe_data


ON_THE_LIST = "benchmark:official"
TASKS_FILE = "eval.yaml"


def leaderboard_file(repository: Repository) -> dict[str, bytes]:
    """The file of a repository's score, by its path; nothing where there is no score or no such benchmark."""
    settings = repository.read_recipe()
    score = repository.read_metrics().get("accuracy", {}).get(AVERAGE.name)
    if not score or not settings:
        return {}
    dataset = describe_data(settings["dataset"]).identifier
    task = benchmark_task(dataset, (settings.get("evaluation") or {}).get("split", "test"))
    if task is None:
        return {}
    notes = "accuracy in percent, by free generation"
    entry = EvalResultEntry(dataset_id=dataset, task_id=task, value=round(score["value"], 2), notes=notes)
    name = f".eval_results/{PurePosixPath(dataset).name}.yaml"
    return {name: yaml.safe_dump(eval_result_entries_to_yaml([entry]), sort_keys=False).encode()}


def benchmark_task(dataset: str, split: str) -> str | None:
    """The task that a benchmark of the Hub makes of a split, where it is one and the Hub can be asked.

    Args:
        dataset: identifier of the data set.
        split: what was scored.
    """
    if "/" not in dataset:
        return None
    try:
        if ON_THE_LIST not in (HfApi().dataset_info(dataset).tags or []):
            return None
        content = Path(hf_hub_download(dataset, TASKS_FILE, repo_type="dataset")).read_text(encoding="utf-8")
        described = yaml.safe_load(content)
    except (HfHubHTTPError, HTTPError, OfflineModeIsEnabled, OSError, yaml.YAMLError):
        return None  # of no weight for what is published
    tasks = described.get("tasks") if isinstance(described, dict) else None
    fitting = [task["id"] for task in tasks or () if task.get("split", "test") == split]
    return fitting[0] if len(fitting) == 1 else None
