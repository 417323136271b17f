"""Settings that somebody gave and that have no effect: refused where a run is asked for.

Given is what would be another value if it were left out, so that presets, published settings and a `config.json`, which
holds everything, go on as they are. A run that is there already is read whatever it holds.
"""

from collections.abc import Callable, Collection, Iterator, Mapping

from supernas.core.documents import Document, Values, flattened
from supernas.core.errors import UserError
from supernas.core.settings import Unused, unused_in
from supernas.core.spelling import named
from supernas.runs.configuration import SearchConfig, TrainConfig

__all__ = ["given_unused", "refusal", "refuse_unused"]

Config = SearchConfig | TrainConfig
Resolve = Callable[[Document], Config]

_OPTIONS = {"search.inherit": "from_run", "data.directory": "data_dir"}  # of another name than the setting


def refuse_unused(given: Values, config: Config, resolve: Resolve) -> None:
    """Refuses a setting of one run that was given and has no effect.

    Args:
        given: what was given, as a document.
        config: what it was resolved to.
        resolve: does so.

    Raises:
        UserError: naming the first such setting, what leaves it without effect, and what would let it count.
    """
    for name, unused in given_unused(given, config, resolve).items():
        raise refusal(name, unused)


def given_unused(given: Values, config: Config, resolve: Resolve) -> dict[str, Unused]:
    """Dotted setting -> why it has no effect, of those that were given; arguments as of `refuse_unused`."""
    all_unused = list(_of(config))
    found = {name: one for name, _ in flattened(given) for one in all_unused if one.covers(name)}
    if not found:
        return {}
    usual = dict(flattened(resolve(_without(given, found)).document()))
    asked = dict(flattened(config.document()))
    return {name: one for name, one in found.items() if asked.get(name) != usual.get(name)}


def refusal(name: str, unused: Unused) -> UserError:
    """The error for a setting that has no effect."""
    called = f"{name} ({named(_OPTIONS[name])})" if name in _OPTIONS else name
    remedy = f", or give {unused.remedy}" if unused.remedy else ""
    return UserError(f"{called} has no effect with {unused.why}; leave it out{remedy}")


def _without(given: Values, names: Collection[str], where: str = "") -> Document:
    """A document without some dotted settings."""
    return {
        name: _without(value, names, f"{where}{name}.") if isinstance(value, Mapping) else value
        for name, value in given.items()
        if f"{where}{name}" not in names
    }


def _of(config: Config) -> Iterator[Unused]:
    if isinstance(config, SearchConfig):
        yield from _of_parts(config)
        yield from _of_together(config)
    else:
        for section in ("network", "weights", "data", "train"):
            yield from unused_in(getattr(config, section), section)
        yield Unused(("weights.idle",), "a training, in which every option runs")


def _of_parts(config: SearchConfig) -> Iterator[Unused]:
    """What each part says of its own settings."""
    for section, name, part in config.parts():
        yield from unused_in(part, f"watch.{name}" if section == "watch" else section)
    for section in ("supernet", "weights", "data", "search", "budget"):
        yield from unused_in(getattr(config, section), section)


def _of_together(config: SearchConfig) -> Iterator[Unused]:
    """What the method makes no use of."""
    name, method = config.method_name, config.method
    if not method.trains_weights:
        yield Unused(("weights", "search.inherit"), f"{name}, which trains no weights")
    stages = [set(stage.supernet) for stage in method.stages()]
    sized = config.space.network_class.size_of(config.supernet)  # what is found has the size that is set
    if decided := sorted(set.intersection(*stages) - set(sized)):
        yield Unused(tuple(f"supernet.{one}" for one in decided), f"{name}, which decides about it itself")
    if not method.weighs_options:
        why = f"{name}, which takes no gradient of what an architecture costs"
        yield Unused(("budget.penalty",), why)
