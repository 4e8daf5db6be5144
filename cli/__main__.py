"""The program `mmcot`, and `python -m mmcot.cli` for `torchrun`."""

import gc
import signal
import sys


def start() -> int:
    """Runs the command of this process; gives its exit code. Ctrl-C ends it with one line at any moment."""
    try:
        from .main import main  # takes long enough to be interrupted, too

        code = main()
        leave_process_group()
        return code
    except KeyboardInterrupt:
        print("mmcot: stopped. The same command goes on from the last checkpoint.", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while Python shuts down, too


def leave_process_group() -> None:
    """Leaves the group of `torchrun`, if this process is in one, and waits for the group's threads.

    A thread that still lets go of a tensor while Python shuts down aborts the process. They are waited for where
    nothing, such as a model in a reference cycle, holds the group any more.
    """
    distributed = sys.modules.get("torch.distributed")
    if distributed and distributed.is_available() and distributed.is_initialized():
        gc.collect()
        distributed.destroy_process_group()


if __name__ == "__main__":
    sys.exit(start())
