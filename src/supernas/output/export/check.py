"""Whether what was written computes what was trained: it is read and run in a process that has no supernas."""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from supernas.core.errors import UserError
from supernas.output.export.formats import Format
from supernas.output.export.image_helper import photograph, prepared
from supernas.output.export.trained import Trained

__all__ = ["TOLERANCE", "Agreement", "agreement", "compared"]

TOLERANCE = 1e-5  # of the largest logit

_BEFORE = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "supernas":
            raise ImportError("supernas is not needed here")


sys.meta_path.insert(0, Absent())
"""
_AFTER = """
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

folder, given, answer, *photographs = map(Path, sys.argv[1:])
with torch.no_grad():
    answers = {"logits": predict(folder, load_file(given)["inputs"]).contiguous()}
if photographs:
    sys.path.insert(0, str(folder))
    import predict as helper

    answers["photograph"] = torch.tensor(helper.logits(photographs[0]))
save_file(answers, answer)
"""


@dataclass(frozen=True)
class Agreement:
    """How far logits differ at most, and the largest of them."""

    difference: float
    largest: float


def agreement(form: Format, trained: Trained, folder: Path) -> Agreement:
    """Compares the logits of what was written with those of the trained network, of an image file too.

    Raises:
        UserError: if they differ, or it cannot be read without supernas.
    """
    with tempfile.TemporaryDirectory() as scratch:
        given, answer = Path(scratch, "given.safetensors"), Path(scratch, "answer.safetensors")
        given.write_bytes(save({"inputs": trained.examples}))
        files = [folder, given, answer]
        if trained.reads_images:
            image = photograph(trained)
            files.append(Path(scratch, "photograph.png"))
            image.save(files[-1])
        code = _BEFORE + form.reader + _AFTER
        arguments = [str(path.resolve()) for path in files]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], cwd=scratch, capture_output=True, text=True, check=False
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise UserError(f"what was written does not run without supernas: {reason}")
        answers = load_file(answer)
    if trained.reads_images:
        with torch.no_grad():
            compared(answers["photograph"], trained.model(prepared(trained, image))[0])
    return compared(answers["logits"].reshape(trained.logits.shape), trained.logits)


def compared(logits: Tensor, expected: Tensor) -> Agreement:
    """How far logits are from what they should be.

    Raises:
        UserError: if that is too far.
    """
    agreed = Agreement(float((logits - expected).abs().max()), float(expected.abs().max()))
    if not agreed.difference <= TOLERANCE * agreed.largest:  # nor if it is not a number
        raise UserError(
            f"what was written computes something else: logits of up to {agreed.largest:.3g} differ by "
            f"{agreed.difference:.3g}; nothing was kept"
        )
    return agreed
