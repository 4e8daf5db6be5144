"""Where a model's files lie: in a folder or on the Hub, at the root or in a stage's folder, whole or as an adapter."""

import json
import os
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from itertools import chain
from typing import Any

from transformers.utils import find_adapter_config_file

from .stage_records_mmcot import ROOT_FOLDER
from .stages_mmcot import without_false_alarms


HUB_ARGUMENTS = ("revision", "token", "cache_dir", "local_files_only")


@dataclass
class Place:
    """Where a whole model is loaded from, and an adapter on it.

    Args:
        name: folder or Hub id.
        options: of `from_pretrained`.
        adapter: folder or Hub id of the adapter, if there is one.
        where: options to find it there.
    """

    name: str | None
    options: dict[str, Any]
    adapter: str | None = None
    where: dict[str, Any] | None = None


def find_place(name: str | None, options: dict[str, Any]) -> Place:
    """Where `from_pretrained` finds what it is asked for.

    The folder of a stage may hold an adapter on the model at the root, and a folder an adapter on a model elsewhere.
    Both are found by the place of the adapter, as `AutoPeftModel` asks for the base.
    """
    subfolder = options.get("subfolder") or ""
    if name is None or not (subfolder or os.path.isdir(name)):
        return Place(name, options)
    hub = hub_options(options)
    settings = find_adapter_config_file(name, subfolder=subfolder, **hub)
    if settings is None or has_weights(os.path.dirname(settings)):
        return whole_place(name, subfolder, options)
    base, options = name, {**options, "subfolder": "", "adapter_kwargs": {}}
    if not subfolder:
        with open(settings, encoding="utf-8") as file:
            content = json.load(file)
        base, options["revision"] = content["base_model_name_or_path"], content.get("revision")
    if os.path.isdir(name):  # transformers before 5.23 seeks the settings of a local adapter at the root
        return Place(base, options, os.path.join(name, subfolder), hub)
    return Place(base, options, name, {**hub, "subfolder": subfolder})


def whole_place(name: str, subfolder: str, options: dict[str, Any]) -> Place:
    """Where a model that is no adapter lies."""
    folder = os.path.join(name, subfolder)
    if not (subfolder and os.path.isdir(folder)):
        return Place(name, options)
    # The library joins sub-folder and absolute path, which gives the path: the model of a stage would get the
    # generation settings of the root.
    return Place(folder, {**options, "subfolder": ""})


def has_weights(folder: str) -> bool:
    """Whether a folder holds a whole model."""
    return any(name.startswith("model") and ".safetensors" in name for name in os.listdir(folder))


def hub_options(options: dict[str, Any]) -> dict[str, Any]:
    """What of the options of `from_pretrained` says where on the Hub something is, and how it is fetched."""
    return {key: options[key] for key in HUB_ARGUMENTS if options.get(key) is not None}


def origin_of(name: str | None, options: dict[str, Any]) -> dict[str, Any]:
    """Where the models of further stages are looked for: in the same folder, wherever the process goes, or commit."""
    place = os.path.abspath(name) if name is not None and os.path.isdir(name) else name
    return {**hub_options(options), "pretrained_model_name_or_path": place}


def stages_alone(stages: dict[str, str], folder: str) -> dict[str, str]:
    """The stages of a repository as one of its models has them by itself: only its own, at the root.

    Args:
        stages: sub-folder of each stage.
        folder: that of the model. At the root, and without a stage of its own, it keeps them all.
    """
    own = {stage: ROOT_FOLDER for stage, place in stages.items() if place == folder}
    return stages if folder == ROOT_FOLDER else own or stages


def with_names_in_memory(model: Any, state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
    """Weights under the names that they have in a model; a saved vision tower has those of the Hub, often others.

    Args:
        model: its own class knows how to load such weights.
        state_dict: weights of it, of a checkpoint or of a part of one. What is no weight of the model stays as it is.
    """
    if state_dict.keys() <= {name for name, _ in chain(model.named_parameters(), model.named_buffers())}:
        return state_dict
    with without_false_alarms():  # what is missing, the caller reports
        loaded, report = type(model).from_pretrained(
            None, config=deepcopy(model.config), state_dict=dict(state_dict), output_loading_info=True
        )
    there = {name: weight for name, weight in loaded.state_dict().items() if name not in report["missing_keys"]}
    return {**there, **{name: state_dict[name] for name in report["unexpected_keys"]}}
