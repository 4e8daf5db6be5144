"""The card of an export: what it is, how it is asked, how it was proven, and what fewer bits cost."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, ModelCardData

from .onnx_answers import Changes
from .onnx_proof import EXAMPLES


TEXT = """---
{metadata}
---

# {label}, in ONNX

A Multimodal Chain-of-Thought model ([arXiv 2302.00923](https://arxiv.org/abs/2302.00923)) as ONNX graphs, which answer
without torch and transformers. It reads a question with options{pictures}. Its stages: {stages}.{origin}

## Use

`pip install onnxruntime tokenizers pillow`, then, in this folder or with it on Python's path:

```python
from onnx_mmcot import OnnxPipeline

pipe = OnnxPipeline({place})
print(pipe(question="...", choices=["...", "..."]{image}))
```

## Files

{files}

`encoder.onnx` reads the prompt and the features of pictures that `vision.onnx` sees, once; `step.onnx` writes. Their
weights lie in the file beside them, each once. `engine.json` says everything else.

## Proof

{proof}
{precision}"""
USED_BITS = """
## Precision

Weights are stored with {bits} bits in blocks, those of words with 8, by `MatMulNBits` and `GatherBlockQuantized`,
operators that onnxruntime has beyond the standard. Measured on {questions} {name}, beside the same export in float32:

| | float32 | {precision} |
| --- | --- | --- |
{rows}
"""


def write_onnx_card(
    folder: Path, settings: Mapping[str, Any], differences: Mapping[str, float | None], shrunk: str = ""
) -> None:
    """Writes the card of an export.

    Args:
        folder: of the export.
        settings: what `engine.json` says.
        differences: by stage the largest difference between scores of an option; `None` where there are none.
        shrunk: the part on fewer bits, see [`precision_part`].
    """
    sees = settings["image"] is not None
    metadata = ModelCardData(
        library_name="onnxruntime",
        pipeline_tag="image-text-to-text" if sees else "text-generation",
        license=settings["license"],
        tags=["mmcot", "multimodal-cot", "chain-of-thought", "onnx"],
    )
    commit = f" Exported from the commit {settings['commit']}." if settings["commit"] else ""
    text = TEXT.format(
        metadata=metadata.to_yaml(),
        label=settings["label"],
        pictures=" and looks at its pictures" if sees else "",
        stages=", ".join(stage["name"] for stage in settings["stages"]),
        origin=commit,
        place=json.dumps("."),
        image=', image="picture.png"' if sees else "",
        files=file_table(folder),
        proof=proof_part(differences),
        precision=shrunk,
    )
    ModelCard(text).save(folder / "README.md")


def file_table(folder: Path) -> str:
    """The graphs of an export and their weights, with their sizes."""
    paths = sorted(path for path in folder.rglob("*.onnx*") if path.is_file())
    rows = [f"| `{path.relative_to(folder).as_posix()}` | {megabytes(path.stat().st_size)} |" for path in paths]
    return "\n".join(["| file | MB |", "| --- | --- |", *rows])


def proof_part(differences: Mapping[str, float | None]) -> str:
    """What the graphs were compared with."""
    lines = [
        f"Before it was kept, the float32 export was asked {EXAMPLES} drawn questions, with and without pictures:",
        "",
    ]
    for stage, difference in differences.items():
        scores = "" if difference is None else f", and the options' scores differ by at most {difference:.0e}"
        lines.append(f"- {stage}: every token is that of the model in torch{scores}.")
    return "\n".join(lines)


def precision_part(precision: str, bits: int, name: str, changes: Changes, sizes: Sequence[int]) -> str:
    """What fewer bits change.

    Args:
        bits: of a weight.
        name: of the questions.
        sizes: bytes of graphs and weights in float32 and now.
    """
    rows = [f"| graphs and weights, MB | {megabytes(sizes[0])} | {megabytes(sizes[1])} |"]
    if changes.before is not None and changes.after is not None:
        rows.append(f"| right answers, % | {changes.before:.1f} | {changes.after:.1f} |")
    rows.append(f"| other answers than float32 | | {changes.answers} |")
    if changes.rationales is not None:
        rows.append(f"| other rationales than float32 | | {changes.rationales} |")
    return USED_BITS.format(
        bits=bits, questions=changes.questions, name=name, precision=precision, rows="\n".join(rows)
    )


def megabytes(size: int) -> str:
    """A size as a number of megabytes."""
    return f"{size / 1e6:.2f}" if size < 1e8 else f"{size / 1e6:.0f}"
