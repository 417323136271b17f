"""The pytest plug-in: `pytest --supernas-contract PACKAGE` runs supernas's common tests over the parts of a package.

pytest imports this in every project of an environment, so nothing of supernas is imported before it is asked for.
"""

from pathlib import Path
from typing import Any

import pytest

__all__ = ["OPTION", "supernas_parts"]

OPTION = "--supernas-contract"
_COMMON = Path(__file__).parent / "common"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option."""
    parser.getgroup("supernas").addoption(
        OPTION, metavar="PACKAGE", help="run the common tests over the parts of supernas that this package adds"
    )


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """What a `conftest.py` can say of its parts."""
    from supernas_pytest import hooks

    pluginmanager.add_hookspecs(hooks)


def pytest_configure(config: pytest.Config) -> None:
    """Adds the common tests to what is run."""
    package = config.getoption(OPTION)
    if package is None:
        return
    from supernas_pytest.parts import Parts

    if not Parts(package).declared:
        raise pytest.UsageError(
            f"{OPTION} {package}: no package of that name with entry points of supernas is installed; "
            "`supernas list plug-ins` lists what is"
        )
    files = map(str, sorted(_COMMON.glob("test_*.py")))
    config.args += [file for file in files if file not in config.args]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Gives a common test its cases."""
    cases = getattr(metafunc.function, "supernas_cases", None)
    if cases is not None:
        from supernas_pytest.parts import Parts

        cases(metafunc, Parts(metafunc.config.getoption(OPTION), metafunc.config.hook))


@pytest.fixture(scope="session")
def supernas_parts(pytestconfig: pytest.Config) -> Any:
    """The parts that are under test."""
    from supernas_pytest.parts import Parts

    return Parts(pytestconfig.getoption(OPTION), pytestconfig.hook)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out the common tests of kinds of which the package has no part."""
    without = [item for item in items if _has_no_case(item)]
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


def _has_no_case(item: pytest.Item) -> bool:
    made = getattr(item, "callspec", None)
    return hasattr(getattr(item, "function", None), "supernas_cases") and (made is None or not made.params)
