"""Files: what is written whole, and folders that one process holds."""

import os
import signal
import subprocess
import sys

import pytest

from gvt.errors import UserError
from gvt.files import only_one

HOLD = """
import sys, time
from pathlib import Path
from gvt.files import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_process_is_refused_with_the_id_of_the_first_until_that_dies(tmp_path):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as first:
        assert first.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match=f"process {first.pid} is writing"), only_one(tmp_path):
            pass
        first.send_signal(signal.SIGKILL)
        first.wait()
    with only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass
