"""The model card of converted weights: what they are and how to use them. No run of ours stands behind it."""

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import ModelCard, ModelCardData

from ..configuration.repository import CARD_FILE, open_folder
from ..modeling_mmcot.card_mmcot import PICTURE_TASK
from ..modeling_mmcot.stage_records_mmcot import ANSWER
from .card import TAGS
from .endpoint import add_endpoint
from .local_paths import without_local_paths
from .markdown import code_span, inline, python_text
from .weights import count_by_folder


TEMPLATE = Path(__file__).with_name("converted.md")


def write_converted_card(
    folder: Path, name: str, sources: Sequence[str], feature_size: int, vision_model: str
) -> None:
    """Writes `README.md` into a folder of converted weights.

    Args:
        folder: a Hub repository.
        name: of the repository.
        sources: names of the checkpoints.
        feature_size: numbers per image patch.
        vision_model: name of the image encoder that was added; empty without one.
    """
    repository = open_folder(folder)
    # `other` is the Hub's word for a licence that has to be read.
    metadata = ModelCardData(
        library_name="transformers", pipeline_tag=PICTURE_TASK, license="other", language="en", tags=TAGS
    )
    card = ModelCard.from_template(
        metadata,
        template_path=str(TEMPLATE),
        title=inline(name),
        repository=python_text(name),
        sources=" and ".join(map(code_span, sources)),
        two_stages=ANSWER in repository.stages,
        vision_model=vision_model and code_span(without_local_paths(vision_model)),
        feature_size=feature_size,
        parameters=sum(count_by_folder(repository).values()),
    )
    card.save(folder / CARD_FILE)
    if vision_model:  # without eyes it reads features, which no request brings
        add_endpoint(repository)
