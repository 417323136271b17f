"""Each script of the gallery runs from its first line to its picture."""

import os
import subprocess
import sys

import pytest

from .pages import ROOT

SCRIPTS = sorted((ROOT / "docs" / "gallery").glob("*.py"))
QUICK = {"novelty", "quadruples"}
"""What takes less than ten seconds of one thread."""


@pytest.mark.parametrize(
    "script",
    [pytest.param(one, id=one.stem, marks=() if one.stem in QUICK else pytest.mark.slow) for one in SCRIPTS],
)
def test_a_script_runs_to_its_picture(script, tmp_path):
    shown = "import runpy, sys, matplotlib.pyplot as plt\n"
    shown += "plt.show = lambda: print('shown', len(plt.get_fignums()))\n"
    shown += "if __name__ == '__main__': runpy.run_path(sys.argv[1], run_name='__main__')\n"
    program = tmp_path / "shown.py"
    program.write_text(shown)
    done = subprocess.run(
        [sys.executable, str(program), str(script)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "shown 1"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_is_a_page(script):
    """It begins with a title and prose, has parts with headings, and ends in a picture."""
    text = script.read_text("utf-8")
    assert text.startswith('"""# ')
    assert "\n# %%\n# ## " in text
    assert "plt.show()" in text


def test_quick_scripts_are_there():
    assert {script.stem for script in SCRIPTS} >= QUICK
