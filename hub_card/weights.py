"""How large a repository is, read from the headers of its weight files."""

from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import parse_local_safetensors_file_metadata

from ..modeling_mmcot.configuration_mmcot import ROOT_FOLDER


# Of a parameter, by the type that it is loaded as.
BYTES = {"float32": 4, "bfloat16": 2}


def count_by_folder(folder: Path, stages: Mapping[str, str]) -> dict[str, int]:
    """Parameters of the model at the root (`"."`), then of each sub-folder that holds a stage.

    Args:
        folder: the repository.
        stages: folder of each stage, see `MMCoTConfig.stages`.
    """
    return {name: count_parameters(folder / name) for name in dict.fromkeys([ROOT_FOLDER, *stages.values()])}


def count_parameters(folder: Path) -> int:
    """Numbers in the safetensors files of a folder, without its sub-folders."""
    files = map(parse_local_safetensors_file_metadata, folder.glob("*.safetensors"))
    return sum(sum(file.parameter_count.values()) for file in files)
