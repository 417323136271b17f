"""Noise and searches on a made-up table."""

import hashlib
import io
import tarfile
import threading
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler

import numpy as np
import pytest

from supernas.benchmarks import Noise, fetch, made_up_table, run_baseline
from supernas.benchmarks.baselines import BASELINES, JUDGED_ON, SEARCHED_ON
from supernas.core.errors import UserError


@pytest.fixture(scope="module")
def table():
    return made_up_table()


def test_noise_has_its_deviation_and_its_seed(table):
    truth = table.query(3, **SEARCHED_ON).mean

    def draws(seed):
        noisy = Noise(table, 0.5, seed)
        return np.array([noisy.query(3, **SEARCHED_ON).mean for _ in range(2000)]) - truth

    assert abs(draws(0).mean()) < 4 * 0.5 / np.sqrt(2000)
    assert draws(0).std() == pytest.approx(0.5, rel=0.1)
    np.testing.assert_array_equal(draws(1), draws(1))
    assert not np.array_equal(draws(0), draws(1))


class Counted:
    """A table that counts its answers."""

    def __init__(self, table):
        self.table, self.total = table, 0

    def query(self, architecture, **address):
        value = self.table.query(architecture, **address)
        self.total += 1
        return value


@pytest.mark.parametrize("name", sorted(BASELINES))
def test_a_trajectory_follows_the_best_that_the_search_saw(name, table):
    counted = Counted(table)
    steps = run_baseline(name, table, evaluations=60, seed=3, asked=counted)
    assert steps == run_baseline(name, table, evaluations=60, seed=3)
    assert steps != run_baseline(name, table, evaluations=60, seed=4)
    assert counted.total == len(steps) == 60
    for number, step in enumerate(steps):
        assert step.score == table.query(step.index, **SEARCHED_ON).mean
        assert step.best == max(steps[: number + 1], key=lambda earlier: earlier.score).index
        assert step.truth == table.query(step.best, **JUDGED_ON).mean


def test_random_search_draws_no_cell_twice(table):
    steps = run_baseline("random-search", table, evaluations=400)
    assert len({step.index for step in steps}) == 400


def test_evolution_mutates_one_choice_of_a_living_member_and_beats_random_search(table):
    space = table.space
    steps = run_baseline("regularised-evolution", table, evaluations=150)
    cells = [space[step.index] for step in steps]
    for number in range(10, 150):
        assert 1 in {space.distance(cells[number], parent) for parent in cells[number - 10 : number]}
    final = {
        name: np.mean([run_baseline(name, table, evaluations=150, seed=seed)[-1].truth for seed in range(5)])
        for name in BASELINES
    }
    assert min(final["regularised-evolution"], final["local-search"]) > final["random-search"]


def test_fetch_finds_or_says_how(tmp_path):
    with pytest.raises(UserError, match="by hand: get NAS-Bench-201-v1_1-096897"):
        fetch("nas-bench-201", directory=tmp_path)
    (tmp_path / "NAS-Bench-201-v1_1-096897.pth").touch()
    assert fetch("nas-bench-201", directory=tmp_path).parent == tmp_path
    with pytest.raises(UserError, match="needs its checksum"):
        fetch("nas-bench-201", url="https://example.org/a.pth", directory=tmp_path)
    with pytest.raises(UserError, match="unknown benchmark"):
        fetch("nas-bench-202")


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def mirror(tmp_path):
    """A web server with an archive of a NATS folder; its address and the archive's checksum."""
    (tmp_path / "web").mkdir()
    archive = tmp_path / "web" / "nats.tar"
    with tarfile.open(archive, "w") as tar:
        entry = tarfile.TarInfo("NATS-tss-v1_0-3ffb9-simple/000000.pickle.pbz2")
        entry.size = 3
        tar.addfile(entry, io.BytesIO(b"abc"))
    server = HTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path / "web")))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/nats.tar", hashlib.sha256(archive.read_bytes()).hexdigest()
    server.shutdown()
    thread.join()
    server.server_close()


def test_fetch_downloads_from_a_mirror_what_has_the_right_checksum(mirror, tmp_path):
    url, checksum = mirror
    with pytest.raises(UserError, match="could not download"):
        fetch("nats-bench", url=url, checksum="sha256:" + "0" * 64, directory=tmp_path / "cache")
    folder = fetch("nats-bench", url=url, checksum=f"sha256:{checksum}", directory=tmp_path / "cache")
    assert (folder / "000000.pickle.pbz2").read_bytes() == b"abc"


def test_a_search_goes_by_the_columns_of_its_space():
    """NAS-Bench-101 has no accuracies after 12 epochs: there both columns are of 108."""
    table = made_up_table("nas-bench-1shot1-1", trainings=1)
    asked = {"dataset": "cifar10", "trained_on": "train", "epochs": 108}
    for name in BASELINES:
        last = run_baseline(name, table, evaluations=30)[-1]
        assert last.score == table.query(last.index, **asked, split="valid").mean
        assert last.truth == table.query(last.best, **asked, split="test").mean
