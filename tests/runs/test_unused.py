"""Settings without effect: refused where they are given, and nowhere else."""

import pytest

import supernas
from supernas import methods
from supernas.core.errors import UserError
from supernas.runs.configuration import merge, resolve_search, resolve_train
from supernas.runs.unused import given_unused, refuse_unused
from supernas_pytest.toys import TOY

NSAS = {"method": "random-nas", "objective": {"name": "nsas"}}
WPL = {"method": "random-nas", "objective": {"name": "wpl"}}
COMPLEMENTATION = {"method": "random-nas", "objective": {"name": "complementation"}}


def of(section, **values):
    return {section: values}


REFUSED = [
    ({"method": "zero-cost"}, of("search", inherit="runs/a"), "which trains no weights; leave it out"),
    ({"method": "zero-cost"}, of("weights", lr=0.5), "weights.lr has no effect with zero-cost"),
    (of("method", gamma=0), of("method", archive_size=9), "archive_size has no effect with gamma=0; .* gamma above 0"),
    (of("method", gamma=0), of("method", novelty={"radial": False}), "method.novelty.radial has no effect with gamma"),
    (of("method", gamma=0), of("method", region="prior"), "region has no effect with gamma=0"),
    (of("method", gamma=0, relaxation="softmax"), of("method", autoencoder={"latent": 8}), "give relaxation=latent"),
    (of("method", region="free"), of("method", radius=2.0), "radius has no effect with region=free"),
    (
        of("method", novelty={"latent": False}),
        of("method", novelty={"density": "gaussian"}),
        "novelty.density .* latent",
    ),
    (of("method", novelty={"radial": False}), of("method", novelty={"radius_floor": 0.1}), "give radial=true"),
    (of("method", novelty={"radial": False, "jacobian": False}), of("method", novelty={"ridge": 0.1}), "one of them"),
    (of("method", novelty={"radial": False, "latent": False}), of("method", novelty={"refit_every": 2}), "one of them"),
    ({"method": "drnas"}, of("method", keep_options=2), "keep_options has no effect with progressive=false"),
    (
        of("method", name="sdarts", epsilon=0, epsilon_start=0),
        of("method", perturbation="adversarial"),
        "epsilon above",
    ),
    (
        of("method", name="tetlo", base="drnas"),
        of("method", base_settings={"keep_options": 2}),
        "base_settings.keep_opt",
    ),
    ({"method": "pc-darts"}, of("supernet", partial=2), "supernet.partial has no effect with pc-darts, which decides"),
    (merge(COMPLEMENTATION, of("objective", epsilon=0)), of("objective", previous="distinct"), "epsilon above 0"),
    (merge(NSAS, of("objective", beta=0)), of("objective", members=3), "members has no effect with beta=0"),
    (NSAS, of("objective", replays=3), "give constraint=replay"),
    (merge(WPL, of("objective", epsilon=0)), of("objective", hold=3), "hold has no effect with epsilon=0"),
    (WPL, of("objective", samples=3), "give fisher=sample"),
    (
        of("method", name="darts") | of("regulariser", name="alignment", weight=0),
        of("regulariser", radius=0.1),
        "weight",
    ),
    ({}, of("weights", rate=0.5), "rate has no effect with decay=cosine; leave it out, or give decay=exponential"),
    (of("weights", momentum=0), of("weights", nesterov=False), "nesterov has no effect with momentum=0"),
    ({}, of("budget", penalty=2), "penalty has no effect with no limit; leave it out, or give max_parameters"),
    ({"method": "random-nas", "budget": {"max_flops": 10**9}}, of("budget", penalty=2), "takes no gradient"),
    ({}, of("data", directory="somewhere"), "data.directory .* no effect with source=digits"),
    (of("data", source="photos", memory="hold"), of("data", workers=2), "workers has no effect with memory=hold"),
]


@pytest.mark.parametrize(("document", "more", "message"), REFUSED)
def test_what_is_given_for_nothing_is_refused_and_without_it_there_is_a_search(document, more, message):
    refuse_unused(document, resolve_search(document), resolve_search)
    whole = merge(document, more)
    with pytest.raises(UserError, match=message):
        refuse_unused(whole, resolve_search(whole), resolve_search)


@pytest.mark.parametrize(
    "document",
    [
        of("method", gamma=0.5, archive_size=9, novelty={"radial": False}),
        of("method", gamma=0, archive_size=50),  # as by default
        of("method", name="drnas", progressive=True, keep_options=2),
        of("method", name="p-darts") | of("supernet", cells=2),  # the size of what is found
        merge(NSAS, of("objective", constraint="replay", replays=3)),
        {"method": "darts", "budget": {"max_flops": 10**9, "penalty": 2}},
        of("weights", decay="exponential", rate=0.5),
        of("method", name="random-search") | of("search", inherit="runs/a"),  # candidates begin with these weights
    ],
)
def test_what_counts_is_not(document):
    assert not given_unused(document, resolve_search(document), resolve_search)


@pytest.mark.parametrize("method", methods.names())
@pytest.mark.parametrize("preset", ["demo", "paper"])
def test_a_saved_configuration_gives_nothing_though_it_holds_everything(method, preset):
    saved = resolve_search({"method": method, "search": {"preset": preset}}).document()
    assert not given_unused(saved, resolve_search(saved), resolve_search)


def test_a_training_has_no_options_that_do_not_run():
    document = {"architecture": "11472", "weights": {"idle": "momentum"}}
    with pytest.raises(UserError, match=r"weights.idle has no effect with a training"):
        refuse_unused(document, resolve_train(document), resolve_train)


def test_both_front_doors_refuse_before_there_is_a_folder(tmp_path):
    with pytest.raises(UserError, match=r"search.inherit \(from_run\) has no effect with zero-cost"):
        supernas.search(method="zero-cost", from_run=tmp_path / "run", config=TOY, out=tmp_path / "out")
    with pytest.raises(UserError, match=r"gamma=0"):
        supernas.search(method=methods.E2NAS(gamma=0, archive_size=9), config=TOY, out=tmp_path / "out")
    with pytest.raises(UserError, match=r"weights.rate has no effect"):
        supernas.train("11472", set="weights.rate=0.5", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_an_untrained_supernet_inherits_is_not_followed(tmp_path):
    with pytest.raises(UserError, match=r"search.track = 2: zero-cost trains no weights"):
        supernas.search(method="zero-cost", track=2, config=TOY, out=tmp_path)
