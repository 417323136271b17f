"""A user's model tried on a few examples before a run: what would break it, or make it lie, is said in words.

Every option of every choice runs once beside the others; then each takes part in a path, and all in a mixture, with the
loss and its gradient. Nothing of the run is touched: the weights that are tried are thrown away.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.task import Task
from supernas.data import Batch
from supernas.networks.base import Network, Output
from supernas.networks.choice import Choice, Runs

__all__ = ["try_out"]

T = TypeVar("T")


def try_out(
    network: Network,
    choices: Sequence[Choice],
    run: Callable[[Tensor, Iterable[Runs]], Output],
    name: str,
    batch: Batch,
    task: Task,
    classes: int | None,
) -> None:
    """Runs a user's model, with fresh weights that nobody needs afterwards, as a run would.

    Args:
        network: holds all options, or those of one architecture.
        choices: of the model.
        run: runs the model on a batch of inputs, each choice as it is told.
        name: what the user calls the model.
        batch: a few examples, of varied targets.
        task: what is to be learnt.
        classes: how many there are in the data, where these are labels.

    Raises:
        UserError: naming the choice and the option, or what else cannot be run or learnt.
    """
    trial = _Trial(network, choices, run, name, batch, task, classes)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise UserError(f"{name} has no weights that learn; wanted some with requires_grad")
    for number in range(max(len(choice.options) for choice in choices)):
        trial.along_path(number)
    if network.pairs == network.space.pairs:
        trial.check_used()
        trial.as_mixture()


class _Passed(NamedTuple):
    """A value that a choice has read or given, and which version of it; whether it is both."""

    choice: str
    option: str
    value: Tensor
    version: int
    handed_on: bool

    @property
    def changed(self) -> bool:
        """Whether it was changed in place since."""
        return self.value._version != self.version


@dataclass
class _Trial:
    """One model on one batch, as in `try_out`; it is also what a choice runs on the way.

    Attributes:
        number: of the path: each choice takes its option of that number, going round.
        used: the choices that were called.
        passed: what choices have read and given in this pass.
        copied: whether options that hand their input on give a copy of it.
    """

    network: Network
    choices: Sequence[Choice]
    run: Callable[[Tensor, Iterable[Runs]], Output]
    name: str
    batch: Batch
    task: Task
    classes: int | None
    number: int = 0
    used: set[str] = field(default_factory=set)
    passed: list[_Passed] = field(default_factory=list)
    copied: bool = False

    # -- passes -------------------------------------------------------------------------------------------------------

    def along_path(self, number: int) -> None:
        """A path with the loss and its gradient."""
        self.number = number
        self._learn(self._path())
        for one in self.passed:
            if one.handed_on and one.changed:
                return self._check_copied(one)

    def as_mixture(self) -> None:
        """All options at once, as a relaxation runs them, with the loss and its gradient."""
        W = {
            kind: torch.full(shape, 1 / shape[1], device=self.batch.inputs.device, requires_grad=True)
            for kind, shape in self.network.space.shapes.items()
        }
        self._learn(self._forward(lambda: self.network(self.batch.inputs, W)))

    def check_used(self) -> None:
        """After all paths: nothing can be found for a choice that none of them came to."""
        for choice in self.choices:
            if choice.name not in self.used:
                raise UserError(
                    f"choice '{choice.name}' is never used in the forward of {self.name}, so nothing could be found "
                    "for it; call it, or leave it out"
                )

    def _path(self) -> Output:
        self.passed = []
        x = self.network.embed(self.batch.inputs)
        return self._forward(lambda: self.run(x, [self] * len(self.choices)))

    def _forward(self, forward: Callable[[], Output]) -> Output:
        shown = f"inputs of shape {list(self.batch.inputs.shape)} and type {_type(self.batch.inputs)}"
        real = self.batch.inputs.is_floating_point()
        advice = "" if real else "; layers but embeddings take floating-point numbers, as x.float() / 255"
        return _in_words(forward, f"{self.name} cannot run {shown}", advice)

    def _check_copied(self, changed: _Passed) -> None:
        """An input that an option gave on, and that was then changed in place, must not have been needed any more."""
        self.network.eval()
        with torch.no_grad():
            plain = self._path().prediction
            self.copied = True
            other = self._path().prediction
        self.copied = False
        self.network.train()
        if not torch.allclose(plain, other, equal_nan=True):
            raise UserError(
                f"{self.name} changes in place what choice '{changed.choice}' gives, and with option "
                f"'{changed.option}' that is the choice's own input, which is read elsewhere too; write "
                "x = x + y in place of x += y"
            )

    # -- what a choice runs -------------------------------------------------------------------------------------------

    def __call__(self, choice: Choice, inputs: tuple[Any, ...], named: Document) -> Any:
        """The output of the path's option; in the first path all options run on the same inputs."""
        self.used.add(choice.name)
        options = list(choice.options)
        taken = options[self.number % len(options)]
        asked = options if self.number == 0 and not self.copied else [taken]
        outputs = {option: self._output(choice, option, inputs, named) for option in asked}
        _check_alike(choice.name, outputs)
        return self._given(choice.name, taken, outputs[taken], list(_tensors((inputs, named))))

    def _output(self, choice: Choice, option: str, inputs: tuple[Any, ...], named: Document) -> Tensor:
        where = f"option '{option}' of choice '{choice.name}'"
        given = list(_tensors((inputs, named)))
        before = [(value, value._version, value.detach().clone()) for value in given]
        shapes = ", ".join(str(list(value.shape)) for value in given)
        output = _in_words(lambda: choice.options[option](*inputs, **named), f"{where} cannot run on {shapes}")
        if len(choice.options) > 1 and any(value._version != n or _differ(value, old) for value, n, old in before):
            raise UserError(
                f"{where} changes its input in place, which the other options read too; use inplace=False, or "
                "x = x + y in place of x += y"
            )
        if not isinstance(output, Tensor):
            raise UserError(
                f"{where} gives a {type(output).__name__}; wanted one tensor: wrap the layer in a module that returns "
                "its output alone"
            )
        return output

    def _given(self, choice: str, option: str, output: Tensor, inputs: list[Tensor]) -> Tensor:
        """The output, once it and the inputs are remembered."""
        place = output.untyped_storage().data_ptr()
        handed_on = any(value.untyped_storage().data_ptr() == place for value in inputs)
        output = output.clone() if handed_on and self.copied else output
        for value in (*inputs, output):
            self.passed.append(_Passed(choice, option, value, value._version, handed_on))
        return output

    # -- learning -----------------------------------------------------------------------------------------------------

    def _learn(self, output: Output) -> None:
        prediction, targets = output.prediction, self.batch.targets
        self._check_classes(prediction)
        shown = f"predictions of shape {list(prediction.shape)} and targets of shape {list(targets.shape)}"
        why = f"the task '{self.task.name}' has no loss for {shown}"
        loss = _in_words(lambda: self.task.loss(prediction, targets), why)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise UserError(
                f"the loss of the task '{self.task.name}' is no single number; wanted the mean over a batch"
            )
        _in_words(lambda: float(self.task.metric(prediction.detach(), targets)), why.replace("loss", "metric"))
        if not loss.requires_grad:
            raise UserError(f"the loss of {self.name} depends on no weight that learns")
        self.network.zero_grad()
        changed = next((f"what choice '{one.choice}' reads or gives" for one in self.passed if one.changed), "a value")
        _in_words(
            loss.backward,
            f"{self.name} has no gradient",
            f"; {changed} is changed in place: use inplace=False, or x = x + y in place of x += y",
            when="inplace operation",
        )

    def _check_classes(self, prediction: Tensor) -> None:
        if not self.task.over_classes or self.classes is None:
            return
        if prediction.ndim < 2 or prediction.shape[1] < self.classes:
            raise UserError(
                f"{self.name} gives predictions of shape {list(prediction.shape)}, and the data have {self.classes} "
                f"classes, 0 to {self.classes - 1}; wanted {self.classes} numbers an example: a model with an argument "
                "num_classes is told how many"
            )


def _check_alike(choice: str, outputs: dict[str, Tensor]) -> None:
    """Outputs that are to be added must not be broadcast."""
    (first, one), *others = outputs.items()
    for option, other in others:
        if one.shape != other.shape or one.dtype != other.dtype:
            kinds = [f"{list(output.shape)} ({_type(output)})" for output in (one, other)]
            raise UserError(
                f"choice '{choice}': option '{first}' gives {kinds[0]} and option '{option}' {kinds[1]}; wanted "
                "outputs of one shape and type"
            )


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in the arguments of a call."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _tensors(inner)


def _differ(value: Tensor, other: Tensor) -> bool:
    """Whether some number is another, where both are numbers."""
    return bool(((value != other) & ((value == value) | (other == other))).any())


def _type(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _in_words(run: Callable[[], T], what: str, advice: str = "", when: str = "") -> T:
    """What `run` gives; whatever a user's code raises is one line, with advice where it is about `when`."""
    try:
        return run()
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).partition("\n")[0].split()) or type(error).__name__
        if when and when in reason:
            raise UserError(f"{what}{advice}") from error
        raise UserError(f"{what}: {reason}{'' if when else advice}") from error
