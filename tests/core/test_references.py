"""References are read out of the prose that they stand in, and come out as BibTeX."""

import re

import pytest

from supernas.core.references import bibtex, merged, references


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (
            'A novel.\n\nM. Zhang, H. Li and\nS. Su, "A\n  Title", NeurIPS 2020.',
            "M. Zhang+H. Li+S. Su|A Title|NeurIPS|2020",
        ),
        ('(of Q. V. Le and C.-J. Hsieh, "T: U?" (TU), ICLR 2021, Eq. 7)', "Q. V. Le+C.-J. Hsieh|T: U?|ICLR|2021"),
        ('of Y. Xu et al., "P", 2019 (3)', "Y. Xu+others|P||2019"),
        ('B. Efron, "Bootstrap", Annals of Statistics 1979', "B. Efron|Bootstrap|Annals of Statistics|1979"),
        ('J. Mellor, "Without", first version, 2020', "J. Mellor|Without|first version|2020"),
        ('L. van der Maaten and É. Dör, "V", JMLR 2008', "L. van der Maaten+É. Dör|V|JMLR|2008"),
    ],
)
def test_what_a_reference_is(text, wanted):
    (found,) = references(text)
    authors = "+".join([*found.authors, *(["others"] if found.others else [])])
    assert f"{authors}|{found.title}|{found.venue}|{found.year}" == wanted


@pytest.mark.parametrize("text", ["Zela et al., ICLR 2020", 'the "paper", ICLR 2020', 'A. B, "T", soon', None, ""])
def test_a_mention_is_no_reference(text):
    assert references(text) == []


def test_a_paper_that_is_written_twice_is_one_with_all_its_authors():
    twice = references('M. A et al., "One:  Title", ICLR 2021, then M. A, B. B and C. C, "One: title", ICLR 2021 (2).')
    assert [(one.authors, one.others) for one in twice] == [(("M. A", "B. B", "C. C"), False)]
    assert len(merged([*twice, *references('M. A, "One: Title", 2020')])) == 2  # another year: an earlier version


def test_bibtex_is_what_latex_reads():
    text = 'A. Öst et al., "50 % of {Cells} & the_Rest", ICML 2019; A. Ost, "50 things", TPAMI 2019'
    first, second = bibtex(references(text))
    assert first == (
        "@inproceedings{ost201950,\n  author = {A. Öst and others},\n  title = {{50 \\% of Cells \\& the\\_Rest}},\n"
        "  booktitle = {International Conference on Machine Learning},\n  year = {2019}\n}"
    )
    assert second.startswith("@article{ost201950b,")
    assert "journal = {IEEE Transactions on Pattern Analysis" in second


def test_entries_have_balanced_braces_and_different_keys():
    found = references(
        " ".join(
            f'A. Same, "Same {letter} }}{{", {venue} 2020.'
            for letter, venue in zip("abc", ("X", "ICLR", "JMLR"), strict=True)
        )
    )
    entries = bibtex(found)
    assert len({re.match(r"@\w+\{([^,]+),", entry)[1] for entry in entries}) == 3
    assert all(entry.count("{") == entry.count("}") for entry in entries)
