"""Products with the Hessian, its dominant eigenvalue and its trace against the full Hessian."""

import pytest
import torch

from supernas.steps.curvature import dominant_eigenvalue, gradient_and_diagonal, hessian_product, trace


def loss(tensors):
    x, y = tensors
    return (x.exp().sum() * y.square().sum() - 3 * (x[0] * y).sum()).sin() - 300 * y.pow(4).sum()


@pytest.fixture
def point():
    return [torch.randn(size, dtype=torch.float64).mul_(0.5).requires_grad_() for size in (3, 4)]


def full(point):
    blocks = torch.autograd.functional.hessian(lambda *tensors: loss(tensors), tuple(point))
    return torch.cat([torch.cat(list(row), dim=1) for row in blocks])


def test_products_are_those_of_the_full_hessian(point):
    product, H = hessian_product(loss, point), full(point)
    for _ in range(3):
        v = torch.randn(7, dtype=torch.float64)
        torch.testing.assert_close(product(v), H @ v)


def test_dominant_eigenvalue_has_its_sign(point):
    generator = torch.Generator().manual_seed(0)
    eigenvalues = torch.linalg.eigvalsh(full(point))
    expected = float(eigenvalues[eigenvalues.abs().argmax()])
    assert expected < 0  # the largest in magnitude, not the largest
    assert dominant_eigenvalue(hessian_product(loss, point), point, generator, 7) == pytest.approx(expected, rel=1e-9)
    assert dominant_eigenvalue(hessian_product(loss, point), point, generator, 100) == pytest.approx(expected, rel=1e-9)


def test_few_products_suffice_for_a_large_matrix():
    scale = torch.cat([torch.linspace(0, 1, 199), torch.tensor([5.0])]).double()
    point = [torch.ones(200, dtype=torch.float64, requires_grad=True)]
    product = hessian_product(lambda t: (scale * t[0].square()).sum() / 2, point)
    found = dominant_eigenvalue(product, point, torch.Generator().manual_seed(0), 8)
    assert found == pytest.approx(5.0, rel=1e-4)


def test_a_flat_loss_has_eigenvalue_0():
    point = [torch.ones(3, requires_grad=True)]
    for flat in (lambda t: t[0].sum(), lambda t: 0 * t[0].square().sum()):
        assert dominant_eigenvalue(hessian_product(flat, point), point, torch.Generator().manual_seed(0), 3) == 0


def test_trace_is_that_of_the_full_hessian(point):
    generator, expected = torch.Generator().manual_seed(0), float(full(point).trace())
    product = hessian_product(loss, point)
    assert trace(product, point, generator, 7) == pytest.approx(expected, rel=1e-9)  # unit vectors


def test_trace_by_random_signs_has_hutchinsons_mean_and_variance():
    H = torch.randn(50, 50, dtype=torch.float64)
    H = H + H.T
    point = [torch.zeros(50, dtype=torch.float64, requires_grad=True)]
    generator = torch.Generator().manual_seed(0)
    found = torch.tensor([trace(lambda v: H @ v, point, generator, 4) for _ in range(2000)], dtype=torch.float64)
    variance = 2 * (H.square().sum() - H.diag().square().sum()) / 4
    assert float(found.mean()) == pytest.approx(float(H.trace()), abs=4 * float(variance / 2000) ** 0.5)
    assert float(found.var()) == pytest.approx(float(variance), rel=0.15)


def test_gradient_and_diagonal_are_those_of_the_full_hessian(point):
    linear = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)
    gradients, diagonals = gradient_and_diagonal(loss(point) + linear.sum(), [*point, linear])
    torch.testing.assert_close(torch.cat(diagonals[:2]), full(point).diag())
    expected = torch.autograd.grad(loss(point), point)
    assert all(torch.equal(one, other) for one, other in zip(gradients, expected, strict=False))
    assert torch.equal(gradients[2], torch.ones(2, 2, dtype=torch.float64))
    assert not diagonals[2].any()
