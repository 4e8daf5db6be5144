"""The files that hold weights: which they are, whether they are whole, and what their headers say."""

from pathlib import Path, PurePath
from typing import Any

from huggingface_hub import HfApi, parse_local_safetensors_file_metadata
from huggingface_hub.errors import EntryNotFoundError, HTTPError, SafetensorsParsingError
from huggingface_hub.utils import SafetensorsFileMetadata
from safetensors import SafetensorError, safe_open

from .plain_files import RESTORE, damaged, read_json


WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
ADAPTER_CONFIG_FILE = "adapter_config.json"


def files_of_model(folder: Path) -> list[str]:
    """Names of the files that a whole model's weights consist of, be they there or not: one file, or several shards.

    Raises:
        ValueError: for an index of shards that is damaged.
    """
    if (folder / WEIGHTS).is_file() or not (folder / INDEX).is_file():
        return [WEIGHTS]
    return shards(folder / INDEX)


def shards(index: Path) -> list[str]:
    """Names of the files that an index spreads the weights over.

    Raises:
        ValueError: for an index that is damaged, or names a file outside its folder.
    """
    by_parameter = read_json(index).get("weight_map")
    names = set(by_parameter.values()) if isinstance(by_parameter, dict) else set()
    if not names or not all(map(is_shard, names)):
        raise damaged(index, "its weight_map does not name the safetensors file of each parameter", RESTORE)
    return sorted(names)


def is_shard(name: Any) -> bool:
    """Whether an entry of an index is the name of a safetensors file beside it."""
    return isinstance(name, str) and PurePath(name).name == name and name.endswith(".safetensors")


def check_weights(path: Path) -> None:
    """Refuses a file of weights that is cut off or no such file; only its header is read.

    Raises:
        ValueError: names the file.
    """
    try:
        with safe_open(path, framework="numpy"):
            pass
    except SafetensorError as error:
        raise damaged(path, error, "copy or download it again, or train again") from error


def read_header(path: Path) -> SafetensorsFileMetadata:
    """Names, shapes and types of the weights in a file.

    Raises:
        ValueError: see [`check_weights`].
    """
    check_weights(path)
    return parse_local_safetensors_file_metadata(path)


def read_header_on_hub(repository: str, name: str, revision: str | None = None) -> SafetensorsFileMetadata | None:
    """The same of a file of the Hub, which is not downloaded for it; `None` where there is no such file.

    Raises:
        ValueError: for a file that is damaged.
        ConnectionError: where the Hub cannot be reached.
    """
    try:
        return HfApi().parse_safetensors_file_metadata(repository, name, revision=revision)
    except EntryNotFoundError:
        return None
    except SafetensorsParsingError as error:
        raise ValueError(f"{name} of {repository} is damaged ({error}); publish it again.") from error
    except HTTPError as error:
        raise ConnectionError(f"The Hub does not tell what {name} of {repository} holds ({error}).") from error
