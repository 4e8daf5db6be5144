"""How large a repository is, read from the headers of its weight files."""

from collections import Counter
from collections.abc import Iterable

from huggingface_hub.utils import SafetensorsFileMetadata

from ..configuration.repository import Repository


# Of a parameter, by the type that it is loaded as.
BYTES = {"float32": 4, "bfloat16": 2}
# Which part of a model a parameter belongs to, by a word in its name; the first that fits.
PARTS = {"lora_": "adapters", "fusion.": "fusion", "vision_tower.": "vision tower", "": "language model"}


def count_by_part(headers: Iterable[SafetensorsFileMetadata]) -> Counter[str]:
    """Parameters of each part of a model, over all of its weight files."""
    counts: Counter[str] = Counter()
    for header in headers:
        for name, tensor in header.tensors.items():
            part = next(part for word, part in PARTS.items() if word in name)
            counts[part] += tensor.parameter_count
    return counts


def count_by_folder(repository: Repository) -> dict[str, int]:
    """Parameters of the model at the root (`"."`), then of each sub-folder that holds a stage."""
    return {model: count_by_part(repository.weight_headers(model)).total() for model in repository.model_folders}
