"""References as docstrings write them, and the same as BibTeX.

A file names its paper once, for people, and that is what a program reads too:

    A. Author, B. Author and C. Author, "The Title of the Paper", ICLR 2019

Authors have initials before their surnames (`A. Author et al.` where there are many), the title stands in double
quotation marks, a venue and the year follow; a short name of the work may stand in brackets after the title. What is
written otherwise, such as `Author et al., ICLR 2019`, is a mention and no reference.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Reference", "bibtex", "merged", "references"]

_SURNAME = r"(?:(?!and\b|et\b)[^\W\d_][\w'’-]*)"
_INITIAL = r"(?<!\w)[^\W\d_a-z]\.[ -]?"
_AUTHOR = rf"(?:{_INITIAL})+{_SURNAME}(?: {_SURNAME}){{0,2}}"
_REFERENCE = re.compile(
    rf"(?P<authors>{_AUTHOR}(?:, {_AUTHOR})*(?:,? and {_AUTHOR})?)(?P<others>,? et al\.)?, "
    r'"(?P<title>[^"]+)"(?: \([^()"]*\))?, (?:(?P<venue>[^",;()]{1,80}?),? )?(?P<year>(?:19|20)\d\d)\b'
)
_PROCEEDINGS = {
    "AAAI": "AAAI Conference on Artificial Intelligence",
    "AISTATS": "International Conference on Artificial Intelligence and Statistics",
    "CVPR": "IEEE/CVF Conference on Computer Vision and Pattern Recognition",
    "ECCV": "European Conference on Computer Vision",
    "ICCV": "IEEE/CVF International Conference on Computer Vision",
    "ICLR": "International Conference on Learning Representations",
    "ICML": "International Conference on Machine Learning",
    "NeurIPS": "Advances in Neural Information Processing Systems",
    "UAI": "Conference on Uncertainty in Artificial Intelligence",
}
_JOURNALS = {
    "JMLR": "Journal of Machine Learning Research",
    "TMLR": "Transactions on Machine Learning Research",
    "TPAMI": "IEEE Transactions on Pattern Analysis and Machine Intelligence",
    "Annals of Statistics": "Annals of Statistics",
    "Neural Computation": "Neural Computation",
}
_VENUES = {**_PROCEEDINGS, **_JOURNALS}
_ESCAPED = {
    **{character: f"\\{character}" for character in "&%$#_"},
    **{"\\": r"\textbackslash ", "~": r"\textasciitilde ", "^": r"\textasciicircum ", "{": "", "}": ""},
}
_STOP = {"a", "an", "and", "for", "in", "of", "on", "the", "to", "with"}


@dataclass(frozen=True)
class Reference:
    """A paper.

    Attributes:
        authors: each with initials, as `A. Author`.
        others: whether there are more than those.
        title: of the paper.
        venue: as it was written, such as `ICLR`; empty if it was not.
        year: of publication.
    """

    authors: tuple[str, ...]
    others: bool
    title: str
    venue: str
    year: int

    @property
    def mark(self) -> tuple[str, int]:
        """What tells papers apart, however their authors are written."""
        return re.sub(r"\W+", " ", self.title).casefold().strip(), self.year

    @property
    def key(self) -> str:
        """What LaTeX calls it: surname, year, first word of the title."""
        words = (word for word in self.title.split() if word.casefold() not in _STOP)
        spelled = f"{self.authors[0].split('. ')[-1]}{self.year}{next(words, '')}".casefold()
        return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", spelled))

    def entry(self, key: str) -> str:
        """The BibTeX entry."""
        kind, place = self._place()
        fields = {
            "author": _escaped(" and ".join([*self.authors, *(["others"] if self.others else [])])),
            "title": f"{{{_escaped(self.title)}}}",  # a second pair of braces keeps capitals
            **({place: _escaped(_VENUES.get(self.venue, self.venue))} if place else {}),
            "year": str(self.year),
        }
        lines = ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items())
        return f"@{kind}{{{key},\n{lines}\n}}"

    def _place(self) -> tuple[str, str]:
        """(kind of the entry, the field that holds the venue)."""
        if self.venue in _JOURNALS:
            return "article", "journal"
        if self.venue in _PROCEEDINGS:
            return "inproceedings", "booktitle"
        return "misc", "howpublished" if self.venue else ""


def references(text: str | None) -> list[Reference]:
    """The papers that a text refers to, in its order, each once.

    >>> (found,) = references('As in A. Bee and C.-D. Eff, "On Bees", ICLR 2019 (Eq. 2).')
    >>> found.authors, found.venue
    (('A. Bee', 'C.-D. Eff'), 'ICLR')
    """
    found = _REFERENCE.finditer(" ".join((text or "").split()))
    return merged(
        Reference(
            tuple(re.findall(_AUTHOR, one["authors"])),
            bool(one["others"]),
            one["title"],
            one["venue"] or "",
            int(one["year"]),
        )
        for one in found
    )


def merged(found: Iterable[Reference]) -> list[Reference]:
    """Each paper once, in order of appearance, as written with the most authors and with its venue."""
    papers: dict[tuple[str, int], Reference] = {}
    for one in found:
        known = papers.get(one.mark, one)
        papers[one.mark] = max(known, one, key=lambda each: (not each.others, len(each.authors), bool(each.venue)))
    return list(papers.values())


def bibtex(papers: Iterable[Reference]) -> list[str]:
    """An entry a paper; of papers that would have one key the later ones get a letter more."""
    entries, taken = [], set[str]()
    for paper in papers:
        key = next(name for letter in ("", *"bcdefghijklmnopqrstuvwxyz") if (name := paper.key + letter) not in taken)
        taken.add(key)
        entries.append(paper.entry(key))
    return entries


def _escaped(text: str) -> str:
    """Text of LaTeX; braces, which BibTeX counts whatever stands before them, are left out."""
    return "".join(_ESCAPED.get(character, character) for character in text)
