"""What quantities share: the loss in alpha, looked at without a trace in the search."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from supernas.networks.base import Network
from supernas.steps.contracts import Differentiable, Look

__all__ = ["loss_in_alpha", "undisturbed"]


@contextmanager
def undisturbed(network: Network) -> Iterator[None]:
    """While it lasts the network is in evaluation mode: no dropout, no running average moves, and normalisation is as
    `supernet.batch_norm` says. Afterwards it is as before, and so are the global generators.
    """
    training = network.training
    with torch.random.fork_rng():
        network.eval()
        try:
            yield
        finally:
            network.train(training)


def loss_in_alpha(look: Look, images: int) -> tuple[Callable[[list[Tensor]], Tensor], list[Tensor]]:
    """The validation loss of the relaxation's mean as a function of alpha, and alpha as fresh leaf tensors.

    Args:
        look: of a differentiable method; the caller keeps its network `undisturbed`.
        images: first validation images, as they are.
    """
    method, problem = look.method, look.problem
    assert isinstance(method, Differentiable)
    batch, alpha = look.valid(images), method.alpha(look.state)

    def loss(parameters: list[Tensor]) -> Tensor:
        W = method.relax(look.state, dict(zip(alpha, parameters, strict=True)))
        output = problem.network(batch.inputs, W)
        return problem.task.loss(output.prediction, batch.targets)

    return loss, [one.detach().requires_grad_() for one in alpha.values()]
