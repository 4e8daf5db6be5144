"""Files that several processes may want, on a disk that may be full."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from accelerate import PartialState
from filelock import FileLock, Timeout


DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
# What writers that are not Python's say of it: safetensors and tokenizers, the archive and the stream of `torch.save`.
DISK_FULL_WORDS = ("No space left on device", "Disk quota exceeded", "inline_container", "iostream error")


@contextmanager
def held_alone(lock_file: Path, refusal: str) -> Iterator[None]:
    """Keeps other runs of the package away while the block runs. The system lets go when the process dies.

    Of several processes of one run the main one holds the lock.

    Args:
        lock_file: stays where it is.
        refusal: what the error says.

    Raises:
        ValueError: where another run holds it.
    """
    if not PartialState().is_main_process:
        yield
        return
    lock = FileLock(lock_file, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise ValueError(refusal) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def full_disk_named(folder: str | Path) -> Iterator[None]:
    """Says in one line that the disk is full, whichever library noticed.

    Raises:
        OSError: where it is.
    """
    try:
        yield
    except Exception as error:
        if getattr(error, "errno", None) not in DISK_FULL and not any(word in str(error) for word in DISK_FULL_WORDS):
            raise
        raise OSError(f"The disk of {folder} is full. Free some space; the same command then goes on.") from error
