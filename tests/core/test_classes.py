"""What is a class, on every Python."""

from types import GenericAlias

from supernas.core.classes import is_class


class OfPython310(GenericAlias):
    """`list[int]` as Python 3.10 has it."""

    __class__ = property(lambda alias: type)


def test_a_class_with_arguments_is_none_though_it_says_so():
    alias = OfPython310(list, (int,))
    assert isinstance(alias, type)
    assert not is_class(alias)
    assert is_class(list)
