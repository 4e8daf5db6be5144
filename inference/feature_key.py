"""What the features of an image depend on: the same key, the same features."""

import hashlib
import json
from typing import Any

import torch
from PIL import Image

from ..modeling_mmcot import MMCoTForConditionalGeneration, MMCoTProcessor


# What an image processor's settings say of how it came to be, not of what it does.
ORIGIN = {"_name_or_path", "auto_map", "feature_extractor_type", "processor_class", "transformers_version"}
# Side in pixels of the probe for a tower that takes any size.
PROBE_SIDE = 224


def tower_key(model: MMCoTForConditionalGeneration, processor: MMCoTProcessor) -> str:
    """The weights of a vision tower and its way from an image to pixels, as one hash.

    What the tower makes of the pixels is not in it: those numbers differ in their last digits from device to device.
    It is compared, see [`same_features`].
    """
    digest = hashlib.sha256()
    settings = json.loads(processor.image_processor.to_json_string(), object_hook=without_origin)
    digest.update(json.dumps(settings, sort_keys=True).encode())
    # Settings do not tell how a version of this package or its libraries turns images into pixels; results do.
    for tensor in processor.encode_images([image_kinds()]).values():
        digest.update(raw_bytes(tensor))
    for name, tensor in sorted(model.vision_tower.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(raw_bytes(tensor))
    return digest.hexdigest()


@torch.inference_mode()
def probe_features(model: MMCoTForConditionalGeneration, processor: MMCoTProcessor) -> torch.Tensor:
    """What a model gives for a fixed image, `(patches, image_feature_size)`.

    Weights do not tell what is done with them; this does.

    Raises:
        ValueError: for a tower that gives no finite numbers.
    """
    pixels = without_padding(processor.encode_images([probe_image(model)]))
    features = model.get_image_features(pixels.to(model.device)).pooler_output[0].cpu().contiguous()
    if not features.isfinite().all():
        raise ValueError(
            f"The vision tower gives numbers that are not finite, in {features.dtype}; load it in another precision, "
            "or take another checkpoint."
        )
    return features


def same_features(known: torch.Tensor, found: torch.Tensor) -> bool:
    """Whether two tensors of features are equal but for the rounding of their precision."""
    if known.shape != found.shape or known.dtype != found.dtype:
        return False
    tolerance = torch.finfo(found.dtype).eps ** 0.5 * found.abs().max()
    return bool((known - found).abs().max() <= tolerance)


def without_padding(encoded: dict[str, torch.Tensor]) -> torch.Tensor:
    """The `pixel_values` of one image at its own size: some image processors pad even one."""
    if "image_sizes" not in encoded:
        return encoded["pixel_values"]
    height, width = encoded["image_sizes"][0, 0].tolist()
    return encoded["pixel_values"][..., :height, :width]


def without_origin(settings: dict[str, Any]) -> dict[str, Any]:
    """Settings without those that change nothing."""
    return {name: value for name, value in settings.items() if name not in ORIGIN}


def image_kinds() -> list[Image.Image]:
    """Small images of the kinds whose way to RGB is a matter of choice: grey, palette, 16 bit, transparent."""
    grey = Image.linear_gradient("L")
    transparent = [Image.merge("LA", [grey] * 2), Image.merge("RGBA", [grey] * 4)]
    return [grey, grey.convert("P"), grey.convert("I;16"), *transparent]


def probe_image(model: MMCoTForConditionalGeneration) -> Image.Image:
    """An image of the size that the tower wants, for image processors that leave sizes as they are."""
    size = getattr(model.vision_tower.config, "image_size", PROBE_SIDE)
    height, width = (size, size) if isinstance(size, int) else size
    ramp = Image.linear_gradient("L")
    colours = [ramp, ramp.rotate(90), Image.radial_gradient("L")]
    return Image.merge("RGB", colours).resize((width, height))


def raw_bytes(tensor: torch.Tensor) -> memoryview:
    """The memory of a tensor, row by row."""
    return tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
