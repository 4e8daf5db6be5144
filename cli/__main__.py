"""The program `mmcot`, and `python -m mmcot.cli` for `torchrun`."""

import signal
import sys


def start() -> int:
    """Runs the command of this process; gives its exit code. Ctrl-C ends it with one line at any moment."""
    try:
        from .main import main  # takes long enough to be interrupted, too

        return main()
    except KeyboardInterrupt:
        print("mmcot: stopped. The same command goes on from the last checkpoint.", file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # while Python shuts down, too


if __name__ == "__main__":
    sys.exit(start())
