"""The folder of an export: what its `engine.json` says."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..modeling_mmcot.confidence_mmcot import Temperatures


ENGINE_FILE = "engine.json"
TOKENIZER_FILE = "tokenizer.json"
FORMAT = 1


@dataclass(frozen=True)
class ExportedStage:
    """A stage of an export.

    Args:
        name: of its record, see [`Stage`].
        graphs: file of each of `vision`, `encoder` and `step`; two stages with the same tower name the same file, and
            one without a tower none.
        layers: of the decoder.
        heads: of its attention.
        key_size: numbers in a key.
        vocabulary: tokens that there are.
        start: the token that a text begins with.
        ends: the tokens that a text ends with.
        padding: the token that fills up.
        generation: settings of `generate()`.
    """

    name: str
    graphs: dict[str, Path | None]
    layers: int
    heads: int
    key_size: int
    vocabulary: int
    start: int
    ends: tuple[int, ...]
    padding: int
    generation: dict[str, Any]


@dataclass(frozen=True)
class ExportFolder:
    """A trained folder as graphs.

    Args:
        folder: where it is.
        stages: in the order in which they are gone through.
        words: settings of [`Wording`], `max_length` and `max_target_length`.
        image: `class` and `settings` of the image processor; `None` for a model without tower.
        feature_size: numbers in the features of a patch.
        temperatures: of confidences.
    """

    folder: Path
    stages: dict[str, ExportedStage]
    words: dict[str, Any]
    image: dict[str, Any] | None
    feature_size: int
    temperatures: Temperatures


def is_export(folder: str | Path) -> bool:
    """Whether a folder is an export."""
    return Path(folder, ENGINE_FILE).is_file()


def open_export(folder: str | Path) -> ExportFolder:
    """Reads what an export says of itself.

    Raises:
        ValueError: for a folder that is none, or is damaged; says what to do.
    """
    path = Path(folder, ENGINE_FILE)
    if not path.is_file():
        raise ValueError(f"{folder} has no {ENGINE_FILE}; give a folder that `mmcot export --format onnx` wrote.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"its format is {content['format']}, and this version reads {FORMAT}")
        return ExportFolder(
            folder=path.parent,
            stages={stage["name"]: read_stage(path.parent, stage) for stage in content["stages"]},
            words=content["words"],
            image=content["image"],
            feature_size=content["image_feature_size"],
            temperatures=Temperatures(content["confidence_temperature"], content["words_temperature"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} cannot be read ({reason}); export the model again.") from error


def read_stage(folder: Path, content: dict[str, Any]) -> ExportedStage:
    """A stage as `engine.json` describes it."""
    return ExportedStage(
        name=content["name"],
        graphs={kind: name and folder / name for kind, name in content["graphs"].items()},
        layers=content["layers"],
        heads=content["heads"],
        key_size=content["key_size"],
        vocabulary=content["vocabulary"],
        start=content["decoder_start_token_id"],
        ends=tuple(content["eos_token_ids"]),
        padding=content["pad_token_id"],
        generation=content["generation"],
    )
