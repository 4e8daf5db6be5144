"""Tiny vision towers of each kind."""

from transformers import (
    CLIPVisionConfig,
    DetrConfig,
    Dinov2Config,
    ResNetConfig,
    SiglipVisionConfig,
    ViTConfig,
)


TRANSFORMER = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 48}
PICTURE = {"image_size": 16, "patch_size": 8}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}


def detr():
    return DetrConfig(
        use_timm_backbone=False,
        use_pretrained_backbone=False,
        backbone=None,
        backbone_config=ResNetConfig(**RESNET, out_features=["stage2"]),
        d_model=24,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        num_queries=6,
    )


# Name -> configuration, patches and numbers per patch of a picture of 32 x 32.
TOWERS = {
    "vit": (lambda: ViTConfig(**TRANSFORMER, image_size=32, patch_size=16), 5, 24),
    "clip": (lambda: CLIPVisionConfig(**TRANSFORMER, image_size=32, patch_size=16), 5, 24),
    "dinov2": (lambda: Dinov2Config(**TRANSFORMER, image_size=32, patch_size=16), 5, 24),
    "siglip": (lambda: SiglipVisionConfig(**TRANSFORMER, image_size=32, patch_size=16), 4, 24),
    "detr": (detr, 6, 24),
    "resnet": (lambda: ResNetConfig(**RESNET), 16, 16),
}
