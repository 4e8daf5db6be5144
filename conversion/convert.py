"""Checkpoints of the official implementation, as they were published, become a repository of this package.

mmcot convert mm-cot-large-rationale.zip converted --answer mm-cot-large-answer.zip \
  --vision-model google/vit-large-patch32-384
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from transformers import (
    AutoImageProcessor,
    AutoTokenizer,
    BaseImageProcessor,
    CLIPImageProcessorPil,
    DetrImageProcessorPil,
    PreTrainedModel,
    ViTImageProcessorPil,
)
from transformers.image_utils import PILImageResampling

from ..configuration.repository import VOCABULARIES
from ..hub_card.converted import write_converted_card
from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor
from ..modeling_mmcot.configuration_mmcot import vision_feature_size
from ..modeling_mmcot.loading_mmcot import stages_alone
from ..modeling_mmcot.parts_mmcot import load_vision_tower
from ..modeling_mmcot.stage_records_mmcot import ANSWER, RATIONALE, ROOT_FOLDER
from .checkpoint import checkpoint_folder, read_t5_config, read_weights, require_checkpoint
from .official import convert_official
from .output import require_empty


# What prepared the pictures for each extractor, by the size of its features: ViT-L/32 at 384, DETR, CLIP.
VIT = partial(ViTImageProcessorPil, size={"height": 384, "width": 384}, resample=PILImageResampling.BICUBIC)
IMAGE_PROCESSORS: dict[int, Callable[[], BaseImageProcessor]] = {
    1024: VIT,
    256: partial(DetrImageProcessorPil, size={"shortest_edge": 224, "longest_edge": 1333}),
    2048: CLIPImageProcessorPil,
}


def convert_checkpoint(
    source: str | Path,
    output: str | Path,
    answer: str | Path | None = None,
    vision_model: str | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Makes a repository of one official checkpoint, or of two, the models of both stages.

    Official models have no image encoder: without `vision_model` the result takes `image_features (batch, patches,
    size)` computed elsewhere.

    Args:
        source: folder, or zip file of one, with `config.json`, weights (`pytorch_model.bin` or safetensors) and
            tokenizer. It becomes the rationale model.
        output: folder that does not exist yet or is empty; it appears whole or not at all.
        answer: such a checkpoint of the answer model.
        vision_model: folder or Hub id of the image encoder that made the features of the training, to read pictures
            with; for the second release `google/vit-large-patch32-384`.
        say: told what was done.

    Raises:
        ValueError: for a checkpoint that is damaged, foreign or unsafe; the message names it and what is wrong.
    """
    output = Path(output)
    require_empty(output)
    sources = {RATIONALE: Path(source)} | ({} if answer is None else {ANSWER: Path(answer)})
    stages = {stage: ROOT_FOLDER if stage == RATIONALE else stage for stage in sources}
    for path in sources.values():
        with named(path):
            require_checkpoint(path)
    tower = None if vision_model is None else load_vision_tower(vision_model)
    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=output.name, dir=output.parent) as scratch:
        repository = Path(scratch, "repository")
        for stage, path in sources.items():
            with named(path):
                folder = checkpoint_folder(path, Path(scratch, f"{stage}-checkpoint"))
                model = convert_official(read_t5_config(folder), read_weights(folder))
            size = model.config.image_feature_size
            if tower is not None:
                add_vision_tower(model, tower, str(vision_model))
            model.config.stages = stages_alone(stages, stages[stage])
            model.save_pretrained(repository / stages[stage])
            if stage == RATIONALE:
                with named(path):
                    save_processor(folder, official_image_processor(size, vision_model), repository, say)
        names = [path.resolve().name for path in sources.values()]
        write_converted_card(repository, output.resolve().name, names, size, str(vision_model or ""))
        if output.exists():
            output.rmdir()
        os.replace(repository, output)
    say(f"Converted {' and '.join(map(str, sources.values()))} into {output}.")


@contextmanager
def named(source: Path) -> Iterator[None]:
    """Puts the name of a checkpoint before what is wrong with it."""
    try:
        yield
    except OSError:  # of the disk
        raise
    except Exception as error:  # libraries raise anything for settings that make no sense
        raise ValueError(f"{source}: {' '.join(str(error).split())}") from error


def add_vision_tower(model: MMCoTForConditionalGeneration, tower: PreTrainedModel, name: str) -> None:
    """Lets a converted model look at pictures itself.

    Raises:
        ValueError: for an image encoder that cannot be that of the training: its features are of another size, or it
            cannot read pictures as they were prepared for those.
    """
    size, wanted = vision_feature_size(tower.config), model.config.image_feature_size
    if size != wanted:
        raise ValueError(
            f"{name} gives {size} numbers per image patch, and the checkpoint was trained with {wanted}. "
            "Name the image encoder that made its features; for 1024 it is google/vit-large-patch32-384."
        )
    model.vision_tower, model.config.vision_config = tower, tower.config
    model.freeze_vision_tower()
    pixels = official_image_processor(wanted, name)([Image.new("RGB", (64, 64))], return_tensors="pt")["pixel_values"]
    try:
        model.get_image_features(pixels)
    except (ValueError, RuntimeError) as error:
        raise ValueError(f"{name} cannot read the pictures that the checkpoint was trained with: {error}") from error


def official_image_processor(feature_size: int, vision_model: str | None) -> BaseImageProcessor:
    """What prepared the pictures of the training, known by the size of their features, or else the encoder's own."""
    if feature_size not in IMAGE_PROCESSORS and vision_model is not None:
        return AutoImageProcessor.from_pretrained(vision_model)
    return IMAGE_PROCESSORS.get(feature_size, VIT)()


def save_processor(
    folder: Path, image_processor: BaseImageProcessor, repository: Path, say: Callable[[str], None]
) -> None:
    """The processor with the checkpoint's tokenizer and the official words."""
    if not any((folder / name).is_file() for name in VOCABULARIES):
        say(f"The checkpoint has neither {' nor '.join(VOCABULARIES)}: the repository lacks tokenizer and processor.")
        return
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    MMCoTProcessor(image_processor, tokenizer, newline="official").save_pretrained(repository)
