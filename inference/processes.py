"""What the processes of a `torchrun` tell each other; with a single process each of these does nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch.distributed as dist


T = TypeVar("T")


def world() -> tuple[int, int]:
    """This process's rank and the number of processes."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)


def is_main() -> bool:
    """Whether this process writes files and speaks."""
    return world()[0] == 0


def wait_for_all() -> None:
    """Waits until every process is here."""
    if dist.is_initialized():
        dist.barrier()


@contextmanager
def main_first() -> Iterator[None]:
    """Lets the main process do first what leaves files behind, and the others then find them."""
    if not is_main():
        wait_for_all()
    yield
    if is_main():
        wait_for_all()


def from_main(value: T) -> T:
    """What the main process has under this name, in every process."""
    if not dist.is_initialized():
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def gather(value: Any) -> list[Any]:
    """The value of each process, in every process."""
    if not dist.is_initialized():
        return [value]
    values = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values
