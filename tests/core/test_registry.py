"""The folder is the registry, and what other packages declare joins it or is said."""

import importlib
import logging
import subprocess
import sys

import pytest

from installed import OBJECTIVE, installed
from supernas.core import registry
from supernas.core.errors import UserError
from supernas.core.registry import Registry, plug_ins, recorded
from supernas.steps import objectives


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on the path for other packages; what they said before is forgotten."""
    monkeypatch.setattr(registry, "_said", set())
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name, module in sys.modules.items() if _is_in(module, tmp_path)]:
        del sys.modules[name]


def _is_in(module, folder):
    return str(getattr(module, "__file__", None)).startswith(str(folder))


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.WARNING, "supernas")
    return lambda: [record.getMessage() for record in caplog.records]


def test_a_file_without_its_part_is_a_programmers_error(site):
    folder = site / "toy_parts"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "two_words.py").write_text("class A(dict):\n    pass\n")
    (folder / "none.py").write_text("from collections import OrderedDict as imported\n")
    (folder / "_private.py").write_text("")
    (folder / "whole").mkdir()
    (folder / "whole" / "__init__.py").write_text("")
    (folder / "whole" / "whole.py").write_text("from toy_parts.whole.part import C\nclass B(C):\n    pass\n")
    (folder / "whole" / "part.py").write_text("class C(dict):\n    pass\n")
    (folder / "helpers").mkdir()
    (folder / "helpers" / "__init__.py").write_text("")
    importlib.import_module("toy_parts")
    parts = Registry("toy_parts", dict, "part")
    assert parts.names() == ["none", "two-words", "whole"]
    assert parts.get("two-words").__name__ == "A"
    assert parts.get("whole").__name__ == "B"
    with pytest.raises(TypeError, match="defines 0 parts"):
        parts.get("none")


def test_a_part_of_another_package_has_a_name_as_ours(site):
    installed(site, "of-others", {"of_others": OBJECTIVE.format(name="Mine")}, {"my_own": "of_others:Mine"})
    assert "my-own" in objectives.names()
    assert objectives.get("my-own").__name__ == "Mine"
    assert str(objectives.PARTS.offered("my-own")) == "of-others 1.5"
    assert objectives.PARTS.offered("plain") is None
    assert objectives.PARTS.packages("plain", "my-own") == ["of-others"]
    with pytest.raises(UserError, match="did you mean 'my-own'"):
        objectives.get("my-onw")


GOOD = {"good": "good:Good"}
FAULTS = {
    "is not there": (
        {},
        {"mine": "nowhere:Mine"},
        "cannot be imported: ModuleNotFoundError: No module named 'nowhere'",
    ),
    "has no such class": ({"faulty": ""}, {"mine": "faulty:Mine"}, "cannot be imported: AttributeError: "),
    "raises": ({"faulty": "1 / 0"}, {"mine": "faulty:Mine"}, "cannot be imported: ZeroDivisionError: division by zero"),
    "raises lines": ({"faulty": "raise OSError('a\\nb')"}, {"mine": "faulty:Mine"}, "cannot be imported: OSError: a b"),
    "leaves": (
        {"faulty": "import sys; sys.exit('bye')"},
        {"mine": "faulty:Mine"},
        "cannot be imported: SystemExit: bye",
    ),
    "is no Python": ({"faulty": "def"}, {"mine": "faulty:Mine"}, "cannot be imported: SyntaxError: "),
    "is no reference": ({"faulty": ""}, {"mine": "???"}, "cannot be imported: "),
    "is a module": ({"faulty": ""}, {"mine": "faulty"}, "faulty is no subclass of supernas.steps.contracts.Objective"),
    "is of another kind": (
        {"faulty": "from supernas.methods.darts import DARTS"},
        {"mine": "faulty:DARTS"},
        "faulty:DARTS is no subclass",
    ),
    "is abstract": (
        {"faulty": "from supernas.steps.contracts import Objective\nclass Mine(Objective): pass"},
        {"mine": "faulty:Mine"},
        "faulty:Mine lacks backward, init",
    ),
    "has no settings": (
        {"faulty": "from supernas.steps.objectives.plain import Plain\nclass Mine(Plain): pass"},
        {"mine": "faulty:Mine"},
        "faulty:Mine is no settings class: put @settings above it",
    ),
    "has no defaults": (
        {"faulty": OBJECTIVE.format(name="Mine").replace('setting(1.0, "nothing")', 'setting("x", "nothing")')},
        {"mine": "faulty:Mine"},
        "faulty:Mine cannot be made with its defaults: 1 validation error",
    ),
    "has a name of ours": ({}, {"nsas": "nowhere:Mine"}, "is left out: supernas has one of that name itself"),
    "has no name": (
        {},
        {"My Own": "nowhere:Mine"},
        "'My Own' of faulty 1.5 is left out: wanted a name of small letters",
    ),
    "is a path": (
        {},
        {"../mine": "nowhere:Mine"},
        "'../mine' of faulty 1.5 is left out: wanted a name of small letters",
    ),
    "is no file of entry points": ({}, "[supernas.objectives]\nmine", "has entry points that cannot be read: "),
}


@pytest.mark.parametrize(("modules", "entries", "message"), FAULTS.values(), ids=FAULTS)
def test_a_faulty_package_is_said_in_one_line_and_breaks_nothing(site, said, modules, entries, message):
    ours = objectives.names()
    installed(site / "a", "faulty", modules, entries)
    installed(site / "b", "good", {"good": OBJECTIVE.format(name="Good")}, GOOD)
    sys.path[:0] = [str(site / "a"), str(site / "b")]
    assert objectives.names() == sorted([*ours, "good"])
    assert objectives.names() == sorted([*ours, "good"])
    (line,) = said()
    assert message in line
    assert "faulty 1.5" in line
    assert "\n" not in line
    assert objectives.get("nsas").__module__ == "supernas.steps.objectives.nsas"
    if isinstance(entries, dict) and "mine" in entries:
        with pytest.raises(UserError) as error:
            objectives.get("mine")
        assert str(error.value) == line


def test_a_taken_name_is_said_to_who_asks_for_it(site, said):
    installed(site, "faulty", {}, {"nsas": "nowhere:Mine"})
    objectives.get("plain")
    assert not said()
    objectives.get("nsas")
    assert "faulty 1.5" in said()[0]


def test_one_name_in_two_packages_is_none(site, said):
    for package in ("one", "two"):
        text = OBJECTIVE.format(name="Mine")
        installed(site / package, package, {package: text}, {"mine": f"{package}:Mine"})
        sys.path.insert(0, str(site / package))
    assert "mine" not in objectives.names()
    message = "the objective mine is in several packages, one 1.5 and two 1.5; uninstall all but one"
    assert said() == [message]
    with pytest.raises(UserError, match=message):
        objectives.get("mine")


def test_a_package_that_is_there_twice_is_one(site):
    for place in ("first", "second"):
        installed(site / place, "mine", {"mine": OBJECTIVE.format(name="Mine")}, {"mine": "mine:Mine"})
        sys.path.insert(0, str(site / place))
    assert [plug_in.name for plug_in in plug_ins() if plug_in.package == "mine"] == ["mine"]
    assert objectives.get("mine")


def test_what_was_recorded_is_of_its_package(site):
    installed(site, "of-others", {"of_others": OBJECTIVE.format(name="Mine")}, {"mine": "of_others:Mine"})
    with recorded({}) as noted:
        objectives.get("plain")
        objectives.get("mine")
    assert noted == {"objective mine": "of-others"}
    with recorded(noted):
        assert objectives.get("mine")
    for before, message in (
        ({"objective mine": "gone"}, "of the package gone, and that is not installed here.*of-others has another one"),
        ({"objective plain": "gone"}, "objective plain is of the package gone.*supernas itself has another one"),
        (
            {"objective his": "gone"},
            "objective his is of the package gone, and that is not installed here",
        ),
        ({"objective his": "of-others"}, "of-others 1.5 no longer has it; install the version that had it$"),
    ):
        ((part, _),) = before.items()
        with recorded(before), pytest.raises(UserError, match=message):
            objectives.get(part.rpartition(" ")[2])


def test_nothing_is_imported_before_names_are_asked_for(site):
    text = "print('here I am')\n" + OBJECTIVE.format(name="Mine")
    installed(site, "of-others", {"of_others": text}, {"mine": "of_others:Mine"})
    path = f"import sys; sys.path.insert(0, {str(site)!r})\n"
    run = "sys.argv = ['supernas', *{words!r}]\nfrom supernas.cli.app import main\nmain()"

    def printed(code):
        return subprocess.run([sys.executable, "-c", path + code], capture_output=True, text=True, check=True).stdout

    assert "here I am" not in printed("import supernas\nfor name in supernas.__all__: getattr(supernas, name)")
    assert "here I am" not in printed(run.format(words=["search", "--help"]))
    assert "here I am" not in printed(
        "from supernas.runs.configuration import resolve_search as r\nr({'method': 'darts'})"
    )
    listed = printed(run.format(words=["list", "objectives"]))
    assert "here I am" in listed
    assert "Another name of the plain loss.  [of-others 1.5]" in listed
