"""Forks processes that train together over gloo. Not a test."""

import os
import pickle
import socket

import torch
from accelerate import Accelerator, DistributedType, FullyShardedDataParallelPlugin
from accelerate.state import AcceleratorState, PartialState

TRANSFORMERS = "transformer_based_wrap"


def together(folder, world, work, sharded=False):
    """``work(accelerator)`` in ``world`` processes; what each returned, by rank.

    sharded: weights are shared out by FSDP. Processes are forked, so that none spends seconds on
    imports; what they return is pickled.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [_start(folder, rank, world, port, work, sharded) for rank in range(world)]
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert ended == [0] * world
    return [pickle.loads((folder / f"rank{rank}").read_bytes()) for rank in range(world)]


def _start(folder, rank, world, port, work, sharded):
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
        accelerator = Accelerator(cpu=True, mixed_precision="no")
        if sharded:
            _shard(accelerator)
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


def _shard(accelerator):
    """FSDP over gloo, which torch knows and accelerate asks for a GPU for."""
    os.environ["ACCELERATE_USE_FSDP"] = "true"
    plugin = FullyShardedDataParallelPlugin(fsdp_version=2, auto_wrap_policy=TRANSFORMERS)
    for state in (accelerator.state, PartialState()):
        state._shared_state["distributed_type"] = DistributedType.FSDP
    accelerator.state.fsdp_plugin = plugin
    accelerator.state.distributed_type = DistributedType.FSDP
