"""The Hessian of a loss, known by its products with vectors, or by its diagonal.

B. Pearlmutter, "Fast Exact Multiplication by the Hessian", Neural Computation 1994: a product costs about two
gradients, and is exact. C. Lanczos, 1950: the extreme eigenvalues of a symmetric matrix from a few products.
M. Hutchinson, "A Stochastic Estimator of the Trace of the Influence Matrix", 1989: the trace from a few products.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from supernas.core.ranks import averaged

__all__ = ["dominant_eigenvalue", "gradient_and_diagonal", "hessian_product", "trace"]

Loss = Callable[[list[Tensor]], Tensor]
Product = Callable[[Tensor], Tensor]


def hessian_product(loss: Loss, point: Sequence[Tensor]) -> Product:
    """The map v -> H v for the Hessian H of a loss at a point.

    Args:
        loss: of tensors of the shapes of `point`.
        point: leaf tensors that require a gradient; their graph is made once and kept with the map.

    Returns:
        A function from a vector [n] to a vector [n], with n the elements of all tensors in their order.
    """
    inputs = list(point)
    gradients = torch.autograd.grad(loss(inputs), inputs, create_graph=True, allow_unused=True, materialize_grads=True)
    gradient = torch.cat([g.flatten() for g in gradients])

    def product(v: Tensor) -> Tensor:
        if not gradient.requires_grad:  # a loss that is linear in every tensor
            return torch.zeros_like(v)
        gradients = torch.autograd.grad(
            gradient, inputs, v, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        return torch.cat([gradient.flatten() for gradient in gradients])

    return product


def gradient_and_diagonal(loss: Tensor, point: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """The gradient of a loss and the diagonal of its Hessian, both in the shapes of the point.

    Exact, by one product for each element of the point. In a run on several devices the loss is the mean of theirs.

    Args:
        loss: with a graph.
        point: leaf tensors that the graph leads to.
    """
    inputs = list(point)
    gradients = torch.autograd.grad(loss, inputs, create_graph=True, allow_unused=True, materialize_grads=True)
    diagonals = [torch.zeros_like(parameter, requires_grad=False) for parameter in inputs]
    for parameter, gradient, diagonal in zip(inputs, gradients, diagonals, strict=True):
        if not gradient.requires_grad:  # the loss is linear here
            continue
        for place, element in enumerate(gradient.flatten()):
            (row,) = torch.autograd.grad(
                element, parameter, retain_graph=True, allow_unused=True, materialize_grads=True
            )
            diagonal.view(-1)[place] = row.flatten()[place]
    found = averaged([*(gradient.detach() for gradient in gradients), *diagonals])
    return list(found[: len(inputs)]), list(found[len(inputs) :])


def dominant_eigenvalue(
    product: Product, point: Sequence[Tensor], generator: torch.Generator, iterations: int
) -> float:
    """The eigenvalue of largest magnitude of a Hessian, by Lanczos with full reorthogonalisation.

    Exact up to rounding once `iterations` reaches the number of distinct eigenvalues; before that it is within the
    spectrum, and close to its end after a few.

    Args:
        product: of the Hessian with a vector.
        point: where, as for `hessian_product`.
        generator: of the first vector.
        iterations: products, at most.
    """
    first = point[0]
    size = sum(one.numel() for one in point)
    v = torch.randn(size, generator=generator, dtype=first.dtype).to(first.device)
    basis = [v / v.norm()]
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    for _ in range(min(iterations, size)):
        image = product(basis[-1])
        diagonal.append(image @ basis[-1])
        for _ in range(2):  # once is not enough in single precision
            for one in basis:
                image = image - (image @ one) * one
        norm = image.norm()
        if norm <= 1e-6 * torch.stack(diagonal).abs().max():  # the vectors so far span an invariant space
            break
        beside.append(norm)
        basis.append(image / norm)
    beside = beside[: len(diagonal) - 1]
    T = torch.diag(torch.stack(diagonal))
    if beside:
        off = torch.stack(beside)
        T = T + torch.diag(off, 1) + torch.diag(off, -1)
    eigenvalues = torch.linalg.eigvalsh(T)
    return float(eigenvalues[eigenvalues.abs().argmax()])


def trace(product: Product, point: Sequence[Tensor], generator: torch.Generator, probes: int) -> float:
    """The trace of a Hessian: the mean of v H v over vectors v of independent random signs.

    Unbiased; the variance of one probe is twice the sum of the squares off the diagonal. Exact, by unit vectors, where
    there are as many probes as parameters.

    Args:
        product: of the Hessian with a vector.
        point: where, as for `hessian_product`.
        generator: of the signs.
        probes: products, at most.
    """
    first = point[0]
    size = sum(one.numel() for one in point)
    if probes >= size:
        rows = torch.eye(size, dtype=first.dtype, device=first.device)
        return float(torch.stack([product(v) @ v for v in rows]).sum())
    signs = torch.randint(2, (probes, size), generator=generator).to(first) * 2 - 1
    return float(torch.stack([product(v) @ v for v in signs]).mean())
