"""One progress bar at a time: ours."""

import os
import sys


def leave_bars_to_us() -> None:
    """Libraries that are loaded later show none of their bars, but downloads to somebody at a terminal."""
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")


def hide_bars_of_loading() -> None:
    """transformers shows none while it loads weights. It takes a second to tell it so."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
