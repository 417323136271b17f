"""Recurrent language models of DARTS cells as readable source; the dropouts are matters of training, and left out."""

from importlib.metadata import version

from torch import Tensor

from supernas.data import TextDataset
from supernas.networks.darts_rnn import DARTSRNNNetwork
from supernas.output.export.families.base import Family, docstring, table
from supernas.output.export.image_helper import HELPER
from supernas.output.export.source import literal, written
from supernas.output.export.templates import darts_rnn, predict_text
from supernas.output.export.trained import Trained
from supernas.spaces.darts_rnn import EDGES

__all__ = ["DARTSRNNFamily"]


class DARTSRNNFamily(Family):
    """A recurrent cell between embedding and decoder."""

    network = DARTSRNNNetwork

    def source(self, trained: Trained) -> str:
        """The module; its network takes the hidden state and gives it back."""
        words, cell = trained.facts["network"]["num_classes"], table(trained, "recurrent", EDGES)
        units: int = vars(trained.config.network)["units"]
        usage = (
            "network = load()  # ready to predict; weights.safetensors lies beside this file",
            f"logits, state = network(words)  # int64 [time, batch] to [time, batch, {words}]",
            "logits, state = network(more_words, state)  # goes on where the text before ended",
        )
        constants: dict[str, object] = {"NUM_WORDS": words, "UNITS": units, "CELL": cell}
        return written(
            darts_rnn,
            docstring(trained, usage),
            constants={name: literal(value) for name, value in constants.items()},
            operations={name for _, _, name in cell},
            roots=("load", *(["vocabulary"] if self.texts(trained) else [])),
        )

    def weights(self, trained: Trained) -> dict[str, Tensor]:
        """All tensors, under their names."""
        return {name: tensor.contiguous() for name, tensor in trained.model.network.state_dict().items()}

    def texts(self, trained: Trained) -> dict[str, str]:
        """The vocabulary, one word a line, and a helper that reads words by it, where the text can be read."""
        if not isinstance(trained.dataset, TextDataset):
            return {}
        helper = written(predict_text, _HELP.format(version=version("supernas")), constants={}, roots=("main",))
        return {"vocabulary.txt": "\n".join(trained.dataset.vocabulary), HELPER: helper}


_HELP = """What may follow a text, by the language model that lies beside this file.

    python predict.py the cat sat --top 3

    from predict import predict
    predict("the cat sat")  # [(word, probability), ...], the likeliest first

Written by supernas {version}.
"""
