"""The model card of a run: what it was told and what it measured in, what a visitor of the Hub reads out."""

import json
import re
from collections.abc import Collection, Iterable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ..configuration.ablations import ALL_EXAMPLES, BLANK, FULL_SYSTEM, PICTURED
from ..configuration.hub_ids import is_dataset_id, is_hub_id
from ..configuration.metrics import (
    AVERAGE,
    CONCLUSION,
    DIRECT_ANSWER,
    ROUGE_L_OFFICIAL,
    WITH_OPTIONS,
    WITHOUT_OPTIONS,
    Kind,
    add_to_kinds,
    scored_kinds,
)
from ..configuration.plain_files import replace_text
from ..configuration.repository import CARD_FILE, EXAMPLE_PICTURE, METRICS_FILE, RECIPE_FILE, open_folder
from ..configuration.yaml_text import format_yaml
from ..modeling_mmcot import MMCoTForConditionalGeneration
from ..modeling_mmcot.card_mmcot import PICTURE_TASK, TEXT_TASK
from ..modeling_mmcot.configuration_mmcot import MMCoTConfig, stages_are_adapters
from ..modeling_mmcot.prompt_mmcot import letter
from ..modeling_mmcot.stage_records_mmcot import ROOT_FOLDER, STAGES, in_order
from . import tables
from .endpoint import add_endpoint
from .local_paths import without_local_paths
from .markdown import code_block, code_span, inline, python_text
from .training_data import TrainingData, describe_data
from .weights import count_by_folder


TEMPLATE = Path(__file__).with_name("template.md")
TAGS = [*MMCoTForConditionalGeneration.model_tags]
ADAPTER_TAGS = ["lora", "peft"]
# What the snippets ask where a run has left no problem of its own.
INVENTED = {"question": "Which colour is the picture?", "choices": ["blue", "orange"]}
LIBRARIES = ("mmcot", "torch", "transformers", "datasets", "peft", "huggingface-hub")
REPOSITORY_LINE = re.compile(r'^repository = ".*"$', re.MULTILINE)


def write_card(folder: Path, settings: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Writes `README.md` into a run folder, and what an Inference Endpoint needs to serve it.

    Args:
        folder: the run folder, a Hub repository whose `config.json` already names all of its stages.
        settings: the resolved recipe.
        metrics: what `metrics.json` holds: `training`, and where there are such `accuracy` with `chance`, `rationale`,
            `verdict` with `baselines`, `ablations`, `unparsed`, the same as `without_options`; `truncation`,
            `skipped`; `example`, a problem of the scored split and what was answered, see
            [`mmcot.training.example.choose_example`]; `hardware`, such as "1 x NVIDIA H100"; `versions`, see
            [`library_versions`].
    """
    repository = open_folder(folder)
    name, parameters = folder.resolve().name, count_by_folder(repository)
    blind = repository.blind_stages
    card = fill_card(name, settings, metrics, repository.stages, parameters, repository.config, blind)
    card.save(folder / CARD_FILE)
    add_endpoint(repository)


def add_ablations(
    folder: Path,
    ablations: Mapping[str, Any],
    concluded: Mapping[str, Any] | None = None,
    kind: Kind = WITH_OPTIONS,
) -> None:
    """Takes what pictures and rationales were found to be worth into the scores and the card of a run.

    Args:
        folder: the run folder.
        ablations: of the split that the run itself was scored on, see
            [`mmcot.evaluation.ablations.measure_ablations`].
        concluded: what they come to, see [`mmcot.evaluation.findings.conclude`].
        kind: of the problems that they were measured on.

    Raises:
        ValueError: for ablations of other problems.
    """
    repository = open_folder(folder)
    scores, settings = repository.read_metrics(), repository.read_recipe()
    if not scores or not settings:
        absent = RECIPE_FILE if scores else METRICS_FILE
        raise ValueError(f"{folder} has no {absent}; give a folder whose training is complete.")
    again = ablations[FULL_SYSTEM][ALL_EXAMPLES]["accuracy"]
    first = dict(scored_kinds(scores)).get(kind, {}).get(kind.score.name, {}).get(AVERAGE.name)
    # Another device may round another way, so that an answer differs here and there.
    if first is None or again["n"] != first["n"] or not first["low"] <= again["value"] <= first["high"]:
        remedy = "evaluate the split that the run was scored on"
        raise ValueError(f"The ablations are of other problems than {folder / METRICS_FILE}; {remedy}.")
    found = {"ablations": ablations, **(concluded or {})}
    scores = add_to_kinds(scores, lambda each: found if each is kind else {})
    replace_text(folder / METRICS_FILE, json.dumps(scores, indent=1, ensure_ascii=False) + "\n")
    write_card(folder, settings, scores)


def name_repository(card: str, repository: str) -> str:
    """The text of a card whose snippets load a repository of the Hub, `org/name`, in place of a folder."""
    return REPOSITORY_LINE.sub(f'repository = "{repository}"', card)


def library_versions() -> dict[str, str]:
    """What is installed where a model is trained."""
    return {name: version(name) for name in LIBRARIES}


def fill_card(
    name: str,
    settings: Mapping[str, Any],
    metrics: Mapping[str, Any],
    stages: Mapping[str, str],
    parameters: Mapping[str, int],
    config: MMCoTConfig | None = None,
    blind: Collection[str] = (),
) -> ModelCard:
    """The card, of plain data.

    Args:
        name: of the repository.
        settings, metrics: see [`write_card`].
        stages: folder of each stage.
        parameters: of each folder, see [`count_by_folder`].
        config: of the model at the root, for a run that went on from a trained folder.
        blind: stages whose models read no pictures.
    """
    stages = {stage: stages[stage] for stage in in_order(stages)}
    labels = folder_labels(stages)
    model, data = described_model(settings["model"], config), describe_data(settings["dataset"])
    pictures = bool(model.get("vision_model") or model.get("vision_config"))
    kinds = [kind for kind, _ in scored_kinds(metrics)]
    example = metrics.get("example")
    split = (settings.get("evaluation") or {}).get("split", "test")
    versions = metrics.get("versions") or {}
    return ModelCard.from_template(
        metadata(name, settings, metrics, data, PICTURE_TASK if pictures else TEXT_TASK, stages),
        template_path=str(TEMPLATE),
        title=inline(name),
        repository=python_text(name),
        stages=stages,
        folders=list(labels),
        labels=labels,
        adapters=stages_are_adapters(stages),
        text_model=part_name(model, "text"),
        vision_model=part_name(model, "vision") if pictures else "",
        origin=linked(model["from"]) if model.get("from") else "",
        revision=code_span(model["revision"]) if model.get("revision") else "",
        asked=snippet_fields(example or INVENTED),
        answer_key="choice" if (example or INVENTED)["choices"] else "answer",
        example=example,
        prints=code_block(printed(example, stages), "text") if example else "",
        blind=blind,
        frozen=(model.get("config") or {}).get("freeze_vision", True),
        data=data,
        settings=settings,
        split=code_span(split),
        chooses=WITH_OPTIONS in kinds,
        answers_freely=WITHOUT_OPTIONS in kinds,
        results=[describe_result(kind, scores, len(kinds) > 1) for kind, scores in scored_kinds(metrics)],
        training_table=tables.training_table(metrics["training"]),
        weight_table=tables.weight_table(parameters, labels),
        recipe=code_block(format_yaml(without_local_paths(settings)).strip(), "yaml"),
        hardware=inline(metrics.get("hardware") or ""),
        versions=", ".join(inline(f"{library} {number}") for library, number in versions.items()),
        metrics=metrics,
    )


def describe_result(kind: Kind, scores: Mapping[str, Any], titled: bool) -> dict[str, Any]:
    """What the card says of the scores of a kind of problems.

    Args:
        titled: whether it has to say which kind.
    """
    groups, chance, rationale = scores.get(kind.score.name, {}), scores.get("chance"), scores["rationale"]
    conclusions = {name: scores[name] for name in [CONCLUSION.name] if name in scores}
    pairs = scores.get("pairs", {})
    return {
        "title": kind.title if titled else "",
        "problems": "problems" if kind is WITH_OPTIONS else "problems without options",
        "unread": "An answer that names no option" if kind is WITH_OPTIONS else "A text without an answer in it",
        "average": groups.get(AVERAGE.name),
        "guessing": None if chance is None else chance[AVERAGE.name],
        "unparsed": scores.get("unparsed"),
        "direct_answer": scores.get(DIRECT_ANSWER.name),
        "verdict": kind.say(scores["verdict"]) if "verdict" in scores else "",
        "score_table": tables.score_table(kind.score, groups, chance) if groups else "",
        "baseline_table": tables.baseline_table(scores["baselines"]) if "baselines" in scores else "",
        "pair_table": tables.pair_table(pairs) if pairs else "",
        "pair_chance": pairs.get("chance"),
        "rationale_table": tables.rationale_table(conclusions | rationale) if rationale else "",
        "ablation_table": tables.ablation_table(scores["ablations"]) if "ablations" in scores else "",
        "findings": scores.get("findings", []),
        "blank": scores.get("ablations", {}).get(BLANK.name, {}).get(PICTURED),
    }


def described_model(model: Mapping[str, Any], config: MMCoTConfig | None) -> Mapping[str, Any]:
    """The section `model` of a recipe; of one that names a trained folder, with the kinds of network that it holds."""
    if model.get("from") is None or config is None:
        return model
    parts: dict[str, Any] = {"text_config": config.text_config, "vision_config": config.vision_config}
    kinds = {key: part and {"model_type": part.model_type} for key, part in parts.items()}
    return {**model, **kinds, "config": {"freeze_vision": config.freeze_vision}}


def metadata(
    name: str,
    settings: Mapping[str, Any],
    metrics: Mapping[str, Any],
    data: TrainingData,
    task: str,
    stages: Mapping[str, str],
) -> ModelCardData:
    """What the Hub itself reads of a card."""
    origin = settings["model"].get("from")
    bases = [origin, *(settings["model"].get(key) for key in ("text_model", "vision_model"))]
    relation: dict[str, Any] = {}
    if origin and is_hub_id(origin):
        relation = {"base_model_relation": "adapter" if stages_are_adapters(stages) else "finetune"}
    dataset = settings["dataset"]
    results = evaluation_results(settings, metrics, data, task)
    return ModelCardData(
        library_name="transformers",
        pipeline_tag=task,
        license=data.licence,
        language=data.language,
        base_model=[base for base in bases if base and is_hub_id(base)] or None,
        datasets=[dataset] if is_dataset_id(dataset) else None,
        metrics=[result.metric_type for result in results],
        tags=[*TAGS, *(ADAPTER_TAGS if stages_are_adapters(stages) else [])],
        model_name=name,
        eval_results=results,
        widget=[sample(metrics["example"], stages)] if metrics.get("example") else None,
        **relation,
    )


def evaluation_results(
    settings: Mapping[str, Any], metrics: Mapping[str, Any], data: TrainingData, task: str
) -> list[EvalResult]:
    """The scores of all problems, for the model index."""
    where = {
        "task_type": task,
        "dataset_type": data.identifier,
        "dataset_name": data.title,
        "dataset_split": (settings.get("evaluation") or {}).get("split", "test"),
    }
    results = []
    for kind, scores in scored_kinds(metrics):
        score = kind.score
        if score.name in scores:
            value, name = round(scores[score.name][AVERAGE.name]["value"], 2), f"{score.label.capitalize()}, percent"
            results.append(EvalResult(metric_type=score.name, metric_name=name, metric_value=value, **where))
        if scores["rationale"]:
            value, name = round(scores["rationale"][ROUGE_L_OFFICIAL.name]["value"], 4), ROUGE_L_OFFICIAL.label
            name = name if kind is WITH_OPTIONS else f"{name}, without options"
            results.append(EvalResult(metric_type="rouge", metric_name=name, metric_value=value, **where))
    return results


def snippet_fields(example: Mapping[str, Any]) -> dict[str, str]:
    """The question that the snippets ask: by keyword, the value as Python code."""
    names = [name for name in ("question", "context", "caption", "choices") if example.get(name)]
    return {name: json.dumps(example[name], ensure_ascii=False) for name in names}


def sample(example: Mapping[str, Any], stages: Iterable[str]) -> dict[str, Any]:
    """A problem and what the run wrote, as the Hub shows them beside a model."""
    options = [f"({letter(index)}) {choice}" for index, choice in enumerate(example["choices"])]
    texts = [example.get(name) for name in ("context", "caption")]
    picture = {"src": EXAMPLE_PICTURE} if example["picture"] else {}
    asked = " ".join(filter(None, [*texts, example["question"], *options]))
    return {**picture, "text": asked, "output": {"text": printed(example, stages)}}


def printed(example: Mapping[str, Any], stages: Iterable[str]) -> str:
    """What the first snippet prints of it."""
    writes = [STAGES[stage] for stage in stages]
    rationale = [example["rationale"]] if any(stage.writes_rationale for stage in writes) else []
    choice = [str(example["choice"])] if any(stage.writes_answer for stage in writes) else []
    return " -> ".join([*rationale, *choice])


def part_name(model: Mapping[str, Any], part: str) -> str:
    """Where the language model (`text`) or the image encoder (`vision`) comes from, as Markdown."""
    source = model.get(f"{part}_model")
    if source is None:
        beginning = f"that of {linked(model['from'])}" if model.get("from") else "from scratch"
        return f"{code_span(model[f'{part}_config']['model_type'])}, {beginning}"
    return linked(source)


def linked(source: str) -> str:
    """The name of a model, with a link where it is one of the Hub."""
    return f"[`{source}`](https://huggingface.co/{source})" if is_hub_id(source) else code_span(Path(source).name)


def folder_labels(stages: Mapping[str, str]) -> dict[str, str]:
    """What each folder of a repository holds, in words."""
    adapters = stages_are_adapters(stages)
    labels = {ROOT_FOLDER: "base"} if adapters else {}
    for folder in stages.values():
        held = [stage for stage in stages if stages[stage] == folder]
        words = " and ".join("one-stage" if STAGES[stage].is_baseline else stage for stage in held)
        labels[folder] = f"{words} {'adapter' if adapters else 'model'}"
    return labels
