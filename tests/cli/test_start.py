"""^C before the command line is there, and after it is done: one exit code, and no traceback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import supernas

SOURCES = str(Path(supernas.__file__).parents[1])
DOORS = {"module": ["-m", "supernas"], "script": ["-c", "from supernas.cli.start import main; main()"]}
INTERRUPT = "import os, signal; os.kill(os.getpid(), signal.SIGINT)\n"


def started(door, folder, *arguments):
    """The command line in a process of its own, which finds the modules of a folder first."""
    return subprocess.run(
        [sys.executable, *DOORS[door], *arguments],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), SOURCES])},
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("moment", ["in an import", "in a callback of one"])
def test_interrupted_while_torch_is_imported(door, moment, tmp_path):
    """What an exception cannot leave, such as a callback, must not print one either."""
    late = f"import weakref\nclass A: pass\na = A()\nr = weakref.ref(a, lambda _: exec({INTERRUPT!r}))\ndel a\n"
    code = INTERRUPT if moment == "in an import" else late
    (tmp_path / "torch.py").write_text(f"{code}import time; time.sleep(30)\n")
    done = started(door, tmp_path, "show", "6111")
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_interrupted_at_the_end_of_the_interpreter(tmp_path):
    code = f"import atexit; atexit.register(lambda: exec({INTERRUPT!r}))\nraise SystemExit(0)\n"
    (tmp_path / "torch.py").write_text(code)
    done = started("module", tmp_path)
    assert (done.returncode, done.stderr) == (130, "")


def test_the_package_begins_without_torch():
    code = "import supernas, supernas.cli.start, sys; assert 'torch' not in sys.modules; assert supernas.spaces.get"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", supernas.__all__)
def test_every_name_is_there(name):
    assert getattr(supernas, name) is not None
    assert name in dir(supernas)


def test_no_other_name_is_there():
    with pytest.raises(AttributeError, match="module 'supernas' has no attribute 'serach'"):
        _ = supernas.serach
