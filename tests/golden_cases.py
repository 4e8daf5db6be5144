"""The golden cases that lie in `tests/golden`."""

from pathlib import Path


LOCAL = Path(__file__).parent / "golden"
LOCAL_CASES = ("relu_tied_small", "gated_untied_small")
