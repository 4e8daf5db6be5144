"""What the folders of these tests hold."""

STAGES = {"rationale": ".", "answer": "answer"}
ADAPTERS = {"rationale": "rationale", "answer": "answer"}
PAPERS = {
    "README.md": "---\nlicense: apache-2.0\npipeline_tag: image-text-to-text\n---\n# Tiny\n",
    "metrics.json": "{}",
    "recipe.yaml": "seed: 0\n",
    "predictions.jsonl": "{}\n",
    "curves.png": "picture",
}
NOT_PUBLISHED = (
    *("run/progress.json", "run/rationales_test.jsonl", "run/checkpoints/rationale/checkpoint-4/optimizer.pt"),
    *("run/checkpoints/rationale/checkpoint-4/model.safetensors", "predictions.run.json", "training_args.bin"),
    *("events.out.tfevents.1", "recipe.yaml.tmp", ".env", ".cache/huggingface/upload", "__pycache__/m_mmcot.py"),
    *("answer/README.md", "answer/training_args.bin"),
)
