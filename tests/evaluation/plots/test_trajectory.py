"""What is drawn of how searches come along."""

import numpy as np

from supernas.evaluation.plots import trajectory


def test_what_a_search_returned_is_a_dot_of_its_colour_at_its_last_epoch(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(trajectory, "_save", lambda figure, axes, path: drawn.append(axes))
    curves = {"one": np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 5.0]]), "two": np.array([[4.0, 4.0, 4.0]])}
    trajectory.plot_epochs(curves, tmp_path / "plot.svg", what="accuracy", ends={"one": 7.5, "three": 1.0})
    one, dot, two = drawn[0].lines
    assert dot.get_xydata().tolist() == [[3.0, 7.5]]
    assert dot.get_color() == one.get_color() != two.get_color()
    assert dot.get_marker() == "o"
