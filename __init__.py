"""mmcot: Multimodal Chain-of-Thought for the Hugging Face ecosystem.

Importing it registers configuration, model, processor and pipeline with the Auto classes and `pipeline()`, which are
given the classes themselves. So the names below cannot wait for their first use: who writes `import mmcot` and then
`AutoModel.from_pretrained(...)` uses none of them. Only the command `mmcot` puts that off until a verb needs it: torch
and transformers take seconds that `mmcot --help` has not.
"""

import sys
from pathlib import Path


__version__ = "0.1.0"
__all__ = ["MMCoTConfig", "MMCoTForConditionalGeneration", "MMCoTPipeline", "MMCoTProcessor"]


def is_command() -> bool:
    """Whether this process is the command `mmcot`, or `python -m mmcot.cli`."""
    script = next(iter(sys.argv), "")  # "-m" as long as Python looks for the module it is to run
    return "mmcot.cli" in sys.orig_argv if script == "-m" else Path(script).stem == "mmcot"


if not is_command():
    from .modeling_mmcot import MMCoTConfig, MMCoTForConditionalGeneration, MMCoTPipeline, MMCoTProcessor
