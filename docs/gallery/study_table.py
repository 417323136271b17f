"""# A study, read as a table

One run says little. A study runs rows of settings over several seeds, and its table says how sure the differences
are.
"""

import tempfile
from pathlib import Path
from textwrap import wrap

import matplotlib.pyplot as plt

import supernas

# %%
# ## The plan
# Three rows, five seeds each, on scikit-learn's digits; as a file it would be TOML (`supernas study FILE`). Without a
# table of true accuracies the values are those of each found cell with its supernet's weights.

plan = {
    "name": "gallery",
    "seeds": [0, 1, 2, 3, 4],
    "baseline": "RandomNAS",
    "common": {"supernet": {"channels": 4}, "search": {"epochs": 6, "batch_size": 128}},
    "run": [
        {"label": "RandomNAS", "method": "random-nas"},
        {"label": "GDAS", "method": "gdas"},
        {"label": "GDAS + NSAS", "method": "gdas", "objective": {"name": "nsas", "members": 4, "beta": 0.25}},
    ],
}

# %%
# ## The picture
# The table's own numbers: mean, 95 % bootstrap interval of the mean, and the p of a signed-rank test against the
# baseline.


def draw(table):
    """A line for each row of the table."""
    (column,) = table.columns
    axes = plt.figure(figsize=(5, 3.2), layout="constrained").subplots()
    for place, line in enumerate(reversed(table.lines)):
        value, test = line.values[column], line.tests.get(column)
        axes.plot([value.low, value.high], [place, place], color="#0072b2", linewidth=4, solid_capstyle="butt")
        axes.plot(value.mean, place, "o", color="#0072b2", markersize=10, markeredgecolor="white")
        said = f"{value.mean:.1f} % (n = {value.n}" + (f", p = {test.p:.2f})" if test else ", the baseline)")
        axes.annotate(said, (value.mean, place), (0, 9), textcoords="offset points", ha="center")
    axes.set(yticks=range(len(table.lines)), yticklabels=[line.label for line in reversed(table.lines)])
    axes.set(xlabel="\n".join(wrap(f"{column}, %", 40)), ylim=(-0.5, len(table.lines) - 0.4))
    axes.margins(x=0.25)
    plt.show()


# %%
# ## The runs
# A study works with processes of its own, which is why a script needs the guard.

if __name__ == "__main__":
    study = supernas.study(plan, out=Path(tempfile.mkdtemp()))
    print(study.files[0].read_text())
    draw(study.table)
