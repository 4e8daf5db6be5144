"""A data set of the Hub."""

from pathlib import Path

import datasets

from ...configuration.hub_ids import is_dataset_id
from ..source import Layout, Source
from .saved import make_source


def find_on_hub(spec: str, path: Path, images: Path | None) -> Source | None:
    """The source in a data set of the Hub.

    Raises:
        ValueError: where the Hub does not give one.
    """
    if not is_dataset_id(spec) or path.exists():
        return None
    try:
        dataset = datasets.load_dataset(spec)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"There is no folder {spec} here, and no data set from the Hub: {reason}") from error
    return make_source(spec, dataset, images or Path())


HUB = Layout("a Hub id", find_on_hub)
