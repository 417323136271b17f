"""What a person may type in the place of what a command wants: any option, argument or setting, and any value."""

import random
from functools import cache

from .commands import LARGE, SIZES, TYPED, Command, options_of

__all__ = ["typed_words"]


def typed_words(command: Command, line: list[str], generator: random.Random) -> list[str]:
    """A command line with one thing in it that is typed otherwise."""
    chosen = generator.choice([one for one in options_of(command.path) if not getattr(one, "is_flag", False)])
    if chosen.name == "set" and generator.random() < 0.9:
        name = generator.choice(_settings())
        return [*line, "--set", f"{name}={_value(name, generator)}"]
    value = _value(str(chosen.name), generator)
    if chosen.param_type_name == "argument":
        place = len(command.path) + generator.randrange(_arguments(command, line))
        return [*line[:place], value, *line[place + 1 :]]
    return [*line, f"{chosen.opts[0]}={value}"]


def _arguments(command: Command, line: list[str]) -> int:
    """How many words stand between the command and its first option."""
    rest = line[len(command.path) :]
    return next((place for place, word in enumerate(rest) if word.startswith("--")), len(rest)) or 1


def _value(name: str, generator: random.Random) -> str:
    return generator.choice((*TYPED, *(LARGE,) * 10) if name.rpartition(".")[2] in SIZES else TYPED)


@cache
def _settings() -> list[str]:
    """The dotted names of every setting that there is, and what is none; a command refuses those that it has not."""
    from supernas import methods, proxies, spaces
    from supernas.cli.describe import SECTIONS
    from supernas.core.settings import describe

    sections: dict[str, list[type]] = {
        name: [of_space(spaces.get(space)) for space in spaces.names()] for name, of_space in SECTIONS.items()
    }
    sections |= {"method": [methods.get("random-nas")], "proxy": [proxies.get("synflow")]}
    names = {
        f"{section}.{one.name}" for section, classes in sections.items() for kind in classes for one in describe(kind)
    }
    return sorted(
        {*names, *sections, "objective", "stopping", "space", "watch.gap", "", ".", "search..epochs", "search."}
    )
