"""What ranks say to each other has the derivative of what it means, of any order."""

import torch

from pair import SIZE, in_pair
from supernas.core import ranks


def test_alone_nothing_happens():
    rows = torch.arange(6.0)
    assert ranks.mine(rows) is rows
    assert ranks.whole(rows) is rows
    assert ranks.averaged([rows, None])[0] is rows
    assert ranks.agreed(3) == 3
    assert ranks.first()


def cubes(weight, rows):
    """A mean over rows of a loss that needs all rows, and so does its gradient's gradient."""
    here = ranks.mine(rows)
    said = ranks.whole((here * weight).pow(3))
    alike = (said[:, None] * said[None, :]).mean()
    return (here * weight).pow(2).mean() + alike


def derivatives():
    """The first three derivatives of the same loss, by one device or several."""
    rows, weight = torch.linspace(0.2, 1.1, 6, dtype=torch.float64), torch.tensor(0.7, dtype=torch.float64)
    weight.requires_grad_()
    value, found = cubes(weight, rows), []
    for _ in range(3):
        (value,) = ranks.averaged(torch.autograd.grad(value, [weight], create_graph=True))
        found.append(value.detach())
    return torch.stack(found)


def words(folder):
    rows = torch.arange(12).view(3, 4)
    return {
        "derivatives": derivatives(),
        "back": ranks.whole(ranks.mine(rows, dim=1), dim=1),
        "means": ranks.averaged([torch.tensor(float(ranks.rank())), None, torch.tensor([2.0, 4.0 * ranks.rank()])]),
        "agreed": ranks.agreed(f"said by {ranks.rank()}"),
        "anyone": (ranks.anyone(ranks.rank() == 1), ranks.anyone(False)),
        "all": ranks.gathered_objects(ranks.rank()),
    }


def test_two_ranks(tmp_path):
    for said in in_pair(words, tmp_path):
        torch.testing.assert_close(said["derivatives"], derivatives(), rtol=1e-12, atol=0)
        assert torch.equal(said["back"], torch.arange(12).view(3, 4))
        mean, none, more = said["means"]
        assert (float(mean), none, more.tolist()) == (0.5, None, [2.0, 2.0])
        assert said["agreed"] == "said by 0"
        assert said["anyone"] == (True, False)
        assert said["all"] == list(range(SIZE))
