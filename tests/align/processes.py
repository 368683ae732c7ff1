"""Forks processes that train together over gloo. Not a test."""

import os
import pickle
import socket

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState


def together(folder, world, work, **options):
    """``work(accelerator)`` in ``world`` processes; what each returned, by rank.

    Forked, so that none spends seconds on imports; what they return is pickled.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [_start(folder, rank, world, port, work, options) for rank in range(world)]
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert ended == [0] * world
    return [pickle.loads((folder / f"rank{rank}").read_bytes()) for rank in range(world)]


def _start(folder, rank, world, port, work, options):
    child = os.fork()
    if child:
        return child
    failed = 1
    try:
        torch.set_num_threads(1)
        os.environ |= {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(world),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "ACCELERATE_USE_CPU": "true",
        }
        AcceleratorState._reset_state(True)
        made = {name: make() for name, make in options.items()}
        accelerator = Accelerator(cpu=True, mixed_precision="no", **made)
        assert accelerator.num_processes == world
        found = work(accelerator)
        (folder / f"rank{rank}").write_bytes(pickle.dumps(found))
        accelerator.wait_for_everyone()
        accelerator.end_training()
        failed = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        os._exit(failed)
