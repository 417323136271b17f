"""Novelty: every term against a slower computation, its gradient against finite differences, and what it does to z."""

import io
import math

import numpy as np
import pytest
import torch
from scipy import stats

from supernas.core.errors import UserError
from supernas.methods.e2nas.densities import Gaussian, GeneralisedGaussian, KernelDensity, LogNormal, log_directions
from supernas.methods.e2nas.novelty import Novelty, NoveltySettings, one_hot, tangent_split

WIDTHS = (5, 4, 3)  # 9 dimensions
N = 4
TERMS = ("jacobian", "latent", "radial")


@pytest.fixture(autouse=True)
def _seed():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield


def smooth_decoder(dtype=torch.float64):
    generator = torch.Generator().manual_seed(1)
    inner, outer = (
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in ((N, 16), (16, 12))
    )

    def decode(codes):
        logits = torch.tanh(codes @ inner / 2) @ outer / 2
        return torch.cat([part.softmax(-1) for part in logits.split(list(WIDTHS), -1)], -1)

    return decode


def fitted(decode=None, codes=None, **settings):
    settings = {"decoder_every": 1, **settings}
    novelty = Novelty(decode or smooth_decoder(), WIDTHS, N, NoveltySettings(**settings))
    novelty.fit(torch.randn(60, N, dtype=torch.float64) if codes is None else codes)
    return novelty


def only(term):
    return {name: name == term for name in TERMS}


# --- densities ------------------------------------------------------------------------------------------------------


def test_generalised_gaussian_finds_scipys_maximum_of_the_likelihood():
    columns = [stats.gennorm.rvs(b, 0.3 * b, 1 / b, size=50, random_state=k) for k, b in enumerate((1.3, 2, 3, 1.7, 4))]
    ours = GeneralisedGaussian()
    ours.fit(torch.from_numpy(np.stack(columns, 1)))
    for k, column in enumerate(columns):
        shape, loc, scale = stats.gennorm.fit(column, 2, loc=0, scale=1)
        mine = float(ours.shape[k]), float(ours.loc[k]), float(ours.scale[k])
        assert 1 < shape < 8  # else scipy's maximum is not ours
        assert mine == pytest.approx((shape, loc, scale), rel=0.01, abs=0.01)
        assert stats.gennorm.logpdf(column, *mine).sum() > stats.gennorm.logpdf(column, shape, loc, scale).sum() - 1e-3


def test_generalised_gaussian_density_is_scipys():
    density = GeneralisedGaussian()
    density.fit(torch.randn(40, 3))
    points = torch.randn(7, 3, dtype=torch.float64)
    expected = stats.gennorm.logpdf(points.numpy(), density.shape.numpy(), density.loc.numpy(), density.scale.numpy())
    np.testing.assert_allclose(density.log_prob(points), expected.sum(1), rtol=1e-10)


def test_shape_and_scale_stay_in_their_ranges():
    uniform, heavy = torch.rand(200), torch.from_numpy(stats.t.rvs(1.5, size=200, random_state=0))
    density = GeneralisedGaussian()
    density.fit(torch.stack([uniform.double(), heavy, torch.full((200,), 3.0).double()], 1), 1e-3)
    assert density.shape[0] == pytest.approx(8)
    assert density.shape[1] == pytest.approx(1)
    assert density.loc[1] == pytest.approx(heavy.median().item(), abs=0.05)
    assert density.scale[2] == 1e-3
    assert density.loc[2] == pytest.approx(3)


def test_gaussian_is_the_normal_density_of_mean_and_deviation():
    points = torch.randn(30, 3, dtype=torch.float64) * 2 + 1
    density = Gaussian()
    density.fit(points)
    normal = stats.norm(points.mean(0).numpy(), points.std(0, correction=0).numpy())
    np.testing.assert_allclose(density.log_prob(points), normal.logpdf(points.numpy()).sum(1), rtol=1e-10)


def test_kernel_density_is_scipys_in_one_dimension_and_an_explicit_sum_in_more():
    points, asked = torch.randn(25, 1, dtype=torch.float64), torch.randn(6, 1, dtype=torch.float64)
    density = KernelDensity()
    density.fit(points)
    np.testing.assert_allclose(
        density.log_prob(asked), stats.gaussian_kde(points[:, 0].numpy()).logpdf(asked[:, 0].numpy()), rtol=1e-9
    )
    points, asked = torch.randn(25, 3, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    density.fit(points)
    width = points.std(0).numpy() * 25 ** (-1 / 7)
    kernels = [stats.norm.pdf(asked.numpy(), centre, width).prod() for centre in points.numpy()]
    assert density.log_prob(asked).item() == pytest.approx(math.log(np.mean(kernels)), rel=1e-9)


def test_a_radius_and_a_direction_make_a_gaussian_vector():
    """With p_R the chi density, the radial term of eq. 6 is exactly that of Gaussian noise in N dimensions."""
    noise = torch.randn(5, 8, dtype=torch.float64)
    radius = noise.norm(dim=1)
    radial = log_directions(radius, 8) + torch.from_numpy(stats.chi.logpdf(radius.numpy(), 8))
    np.testing.assert_allclose(radial, stats.norm.logpdf(noise.numpy()).sum(1), rtol=1e-10)


def test_the_log_normal_is_near_the_radius_of_gaussian_noise_where_its_mass_is():
    radius = torch.from_numpy(stats.chi.rvs(8, size=20_000, random_state=0))
    density = LogNormal()
    density.fit(radius)
    middle = torch.from_numpy(stats.chi.ppf(np.linspace(0.1, 0.9, 9), 8))
    np.testing.assert_allclose(density.log_prob(middle), stats.chi.logpdf(middle.numpy(), 8), atol=0.2)
    spread = stats.lognorm(density.scale.item(), scale=math.exp(density.loc.item()))
    np.testing.assert_allclose(density.log_prob(middle), spread.logpdf(middle.numpy()), rtol=1e-10)


# --- the terms ------------------------------------------------------------------------------------------------------


def test_log_volume_and_normal_part_are_those_of_the_singular_value_decomposition():
    jacobian, vector = torch.randn(12, N, dtype=torch.float64), torch.randn(12, dtype=torch.float64)
    basis, singular, _ = torch.linalg.svd(jacobian, full_matrices=False)
    log_volume, normal = tangent_split(jacobian, vector, ridge=1e-12)
    torch.testing.assert_close(log_volume, singular.log().sum())
    torch.testing.assert_close(normal, vector - basis @ (basis.T @ vector))


def test_terms_of_the_decoder_against_its_explicit_jacobian():
    decode = smooth_decoder()
    novelty = fitted(decode, ridge=1e-12)
    code = torch.randn(N, dtype=torch.float64)
    terms = novelty.terms(code)
    jacobian = torch.func.jacrev(lambda z: decode(z[None])[0])(code)
    basis, singular, _ = torch.linalg.svd(jacobian, full_matrices=False)
    probabilities = decode(code[None])[0]
    residual = one_hot(probabilities, WIDTHS) - probabilities
    assert one_hot(probabilities, WIDTHS).sum() == len(WIDTHS)
    radius = math.hypot((residual - basis @ (basis.T @ residual)).norm().item(), 0.01)
    assert terms.jacobian.item() == pytest.approx(-singular.log().sum().item(), abs=1e-6)
    assert terms.radius.item() == pytest.approx(radius, rel=1e-6)
    spread = stats.lognorm(novelty.radius.scale.item(), scale=math.exp(novelty.radius.loc.item()))
    half = (9 - N) / 2
    area = math.log(2) + half * math.log(math.pi) - math.lgamma(half) + (9 - N - 1) * math.log(radius)
    assert terms.radial.item() == pytest.approx(spread.logpdf(radius) - area, rel=1e-6)


def test_an_isometric_linear_decoder_gives_the_known_density():
    """Then J has orthonormal columns: log p_A = log p_Z(z) + log p of the (constant) normal part."""
    basis = torch.linalg.qr(torch.randn(12, N, dtype=torch.float64))[0]
    centre = torch.tensor([0.9, 0, 0, 0, 0.1, 0.8, 0.2, 0, 0, 0.7, 0.1, 0.2], dtype=torch.float64)
    codes = 0.01 * torch.randn(80, N, dtype=torch.float64)
    novelty = fitted(lambda z: centre + z @ basis.T, codes, density="gaussian", radius_floor=1e-6, minimum_scale=1e-3)
    normal = one_hot(centre, WIDTHS) - centre
    normal = (normal - basis @ (basis.T @ normal)).norm()
    terms = novelty.terms(codes[0])
    noise = stats.norm(codes.mean(0).numpy(), codes.std(0, correction=0).numpy()).logpdf(codes[0].numpy()).sum()
    expected = noise + log_directions(normal, 9 - N) + novelty.radius.log_prob(normal)
    assert terms.log_density.item() == pytest.approx(expected.item(), abs=1e-4)
    assert terms.jacobian.item() == pytest.approx(0, abs=1e-4)
    assert novelty.radius.loc.item() == pytest.approx(normal.log().item(), abs=1e-6)
    assert novelty.radius.scale == 0.1


@pytest.mark.parametrize("density", ["generalised-gaussian", "gaussian", "kernel"])
@pytest.mark.parametrize("term", TERMS)
def test_gradient_of_each_term_is_that_of_finite_differences_and_moves_the_code(term, density):
    novelty = fitted(density=density, **only(term))
    code = torch.randn(N, dtype=torch.float64)
    gradient, terms = novelty.gradient(code)
    step = 1e-5
    differences = [
        (novelty.terms(code + step * unit).log_density - novelty.terms(code - step * unit).log_density) / (2 * step)
        for unit in torch.eye(N, dtype=torch.float64)
    ]
    torch.testing.assert_close(gradient, torch.stack(differences), rtol=1e-5, atol=1e-7)
    assert gradient.norm() > 0.05
    assert terms.log_density == getattr(terms, term)
    assert all(getattr(terms, other) == 0 for other in TERMS if other != term)


def test_float32_gradient_of_all_terms_is_near_that_of_float64():
    codes = torch.randn(60, N, dtype=torch.float64)
    code = torch.randn(N, dtype=torch.float64)
    exact, _ = fitted(codes=codes).gradient(code)
    single, _ = fitted(smooth_decoder(torch.float32), codes.float()).gradient(code.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=1e-2, atol=1e-3)


def test_several_codes_at_once_are_as_one_by_one():
    novelty = fitted()
    codes = torch.randn(2, 3, N, dtype=torch.float64)
    together = novelty.terms(codes)
    for name in (*TERMS, "radius"):
        single = torch.stack([getattr(novelty.terms(code), name) for code in codes.flatten(0, 1)]).view(2, 3)
        torch.testing.assert_close(getattr(together, name), single)


def test_a_sure_decoder_is_held_by_the_floor():
    decode = smooth_decoder()

    def sure(codes):
        return one_hot(decode(codes), WIDTHS) + 1e-9 * decode(codes)

    novelty = fitted(sure, radius_floor=0.05)
    gradient, terms = novelty.gradient(torch.randn(N, dtype=torch.float64))
    assert terms.radius.item() == pytest.approx(0.05)
    assert gradient.isfinite().all()


# --- in a search ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("density", ["generalised-gaussian", "kernel"])
def test_steps_towards_novelty_leave_the_crowd(density):
    crowd = 0.5 + 0.1 * torch.randn(60, N, dtype=torch.float64)
    novelty = fitted(codes=crowd, density=density)
    code, centre = crowd[0], crowd.mean(0)
    start = novelty.terms(code).log_density
    distances = [(code - centre).norm()]
    for _ in range(40):
        gradient, _ = novelty.gradient(code)
        code = code - 0.03 * gradient / gradient.norm()
        distances.append((code - centre).norm())
    assert novelty.terms(code).log_density < start - 10
    assert distances[-1] > 4 * distances[0]
    assert distances[-1] > distances[20] > distances[10]


def test_refresh_fits_every_so_many_calls():
    novelty = Novelty(smooth_decoder(), WIDTHS, N, NoveltySettings(refit_every=3))
    codes = torch.randn(20, N, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="no density yet"):
        novelty.gradient(codes[0])
    sizes = []
    for count in range(10, 18):
        novelty.refresh(codes[:count])
        sizes.append(len(novelty.codes))
    assert sizes == [10, 10, 10, 13, 13, 13, 16, 16]


@pytest.mark.parametrize("density", ["generalised-gaussian", "gaussian", "kernel"])
def test_copies_of_one_code_leave_a_density_as_wide_as_a_tenth_of_the_prior(density):
    """A step of half the prior's deviation away from them costs nats, not thousands."""
    code = torch.randn(N, dtype=torch.float64)
    novelty = fitted(codes=code.expand(20, N), density=density, **only("latent"))
    away = code + 0.5 * torch.nn.functional.one_hot(torch.tensor(0), N)
    fall = float(novelty.terms(code).log_density - novelty.terms(away).log_density)
    assert 1 < fall < 50


def test_only_new_codes_are_decoded_at_a_fit():
    decoded = []
    decode = smooth_decoder()

    def counting(codes):
        decoded.append(len(codes) // sum(WIDTHS))
        return decode(codes)

    codes = torch.randn(30, N, dtype=torch.float64)
    novelty = fitted(counting, codes[:20])
    novelty.fit(codes[5:].flip(0))
    assert decoded == [20, 10]
    torch.testing.assert_close(novelty.radii, fitted(codes=codes[5:].flip(0)).radii)


def test_the_decoders_gradient_is_kept_between_and_p_z_has_a_fresh_one():
    codes = torch.randn(60, N, dtype=torch.float64)
    novelty, exact = fitted(codes=codes, decoder_every=2), fitted(codes=codes)
    latent = fitted(codes=codes, **only("latent"))
    one, other = codes[:2]
    torch.testing.assert_close(novelty.gradient(one)[0], exact.gradient(one)[0])
    kept = exact.gradient(one)[0] - latent.gradient(one)[0] + latent.gradient(other)[0]
    torch.testing.assert_close(novelty.gradient(other)[0], kept)
    torch.testing.assert_close(novelty.gradient(other)[0], exact.gradient(other)[0])
    novelty.gradient(one)
    novelty.fit(codes)
    torch.testing.assert_close(novelty.gradient(other)[0], exact.gradient(other)[0])


@pytest.mark.parametrize("density", ["generalised-gaussian", "gaussian", "kernel"])
def test_a_restored_novelty_goes_on_bit_for_bit(density):
    settings = {"density": density, "decoder_every": 3, "refit_every": 4}
    codes = torch.randn(30, N, dtype=torch.float64)

    def run(novelty, calls):
        found = []
        for call in calls:
            novelty.refresh(codes[: 10 + call])
            gradient, terms = novelty.gradient(codes[call])
            found.append(torch.cat([gradient, terms.log_density[None], terms.radius[None]]))
        return torch.stack(found)

    original = Novelty(smooth_decoder(), WIDTHS, N, NoveltySettings(**settings))
    run(original, range(6))
    file = io.BytesIO()
    torch.save(original.tree(), file)
    file.seek(0)
    restored = Novelty(smooth_decoder(), WIDTHS, N, NoveltySettings(**settings))
    restored.load(torch.load(file, weights_only=True))
    assert torch.equal(run(restored, range(6, 16)), run(original, range(6, 16)))


def test_a_latent_space_without_normal_space_is_refused_unless_the_radial_term_is_off():
    with pytest.raises(UserError, match=r"9 dimensions leaves no normal space .* .*method.autoencoder.latent=8"):
        Novelty(smooth_decoder(), WIDTHS, 9, NoveltySettings())
    assert Novelty(smooth_decoder(), WIDTHS, 9, NoveltySettings(radial=False)).normal_dimensions == 0
