"""Runs `gvt` on a toy world in processes of its own, that tests may kill. Not for pytest.

``survivor.py serve`` reads one JSON list of arguments a line and answers with the id of a process
that runs them: forked, so that none spends seconds on imports. ``survivor.py run ARGUMENTS`` runs
them once, for launchers of several processes. $SURVIVOR_LOG gets a line with the keys of every
batch before it is answered; $SURVIVOR_DIES is the rank that dies at its second batch.
"""

import json
import os
import signal
import sys
import time

HELDOUT = 60
PAUSE = 0.02  # seconds before a batch: on any machine a run is long enough to be killed in


def prepare():
    """Shrink the mini world and log what is answered."""
    import lm_eval
    import transformers

    import gvt.hardware
    import gvt.run
    from gvt.align import data
    from gvt.data import mini
    from gvt.data.images import MiniImages
    from gvt.engine.lm import ImageLM

    transformers.LlamaForCausalLM, lm_eval.simple_evaluate  # noqa: B018 - imported on first use
    gvt.hardware.mixed_precision = lambda *_: "no"
    mini.HELDOUT = mini._IDENTIFIED = HELDOUT
    data.mini.ALIGN_SCENES = 10
    data.MiniQuestions.images = MiniImages("align", 10)
    answer, batches = ImageLM._answer, []

    def logged(self, groups, asked, visual):
        keys = [asked[job.number].key for one in groups for job in one.jobs]
        batches.append(keys)
        if len(batches) == 2 and os.environ.get("RANK") == os.environ.get("SURVIVOR_DIES", "none"):
            os.kill(os.getpid(), signal.SIGKILL)
        log = os.open(os.environ["SURVIVOR_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, (json.dumps(keys) + "\n").encode())
        os.close(log)
        time.sleep(PAUSE)
        return answer(self, groups, asked, visual)

    ImageLM._answer = logged


def serve():
    """Fork a process for every line of input."""
    from gvt.cli import main

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that were killed
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = main(json.loads(line))
            sys.stdout.flush()
            os._exit(code)
        print(child, flush=True)


if __name__ == "__main__":
    prepare()
    if sys.argv[1] == "serve":
        serve()
    else:
        from gvt.cli import main

        sys.exit(main(sys.argv[2:]))
