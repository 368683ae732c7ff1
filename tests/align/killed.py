"""Ends trainings as the system would, and compares what they leave. Not a test."""

import os
import signal

import torch

from gvt.progress import Counter


class Killer(Counter):
    """Ends its process at the end of a step, as the system would: nothing is tidied up."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def advance(self, done):
        super().advance(done)
        if self.computed == self.steps:
            os.kill(os.getpid(), signal.SIGKILL)


def in_child(work):
    """Run ``work`` in a process of its own; the signal that ended it."""
    child = os.fork()
    if not child:
        try:
            torch.set_num_threads(1)
            work()
        finally:
            os._exit(1)
    return os.WTERMSIG(os.waitpid(child, 0)[1])


def same(one, two):
    one, two = one.connector.state_dict(), two.connector.state_dict()
    return all(torch.equal(one[name], two[name]) for name in one)
