"""When a progress bar is shown."""

from accelerate import PartialState


def bar_is_hidden(wanted: bool = True) -> bool | None:
    """What `tqdm` takes as `disable`: of several processes the main one shows a bar, and that on a terminal only."""
    return None if wanted and PartialState().is_main_process else True  # `None` leaves it to the terminal
