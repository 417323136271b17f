"""The picture of what was watched, drawn when a search ends."""

from supernas.evaluation.plots.watched import watched_svg
from supernas.runs.search import Epoch, Search

__all__ = ["WatchedPicture"]


class WatchedPicture:
    """A listener of a search: writes `watched.svg` after the last epoch.

    Args:
        search: a search that watches something; the listener goes into its `on_epoch`.
    """

    def __init__(self, search: Search) -> None:
        self.search = search
        config = search.config
        self.names = [
            f"{name}.{number}" for name, quantity in config.watch.items() for number in quantity.names(config.space)
        ]

    def __call__(self, epoch: Epoch) -> None:
        """Draws, if this was the last epoch."""
        search = self.search
        if search.finished:
            lines = [*search.folder.epochs, epoch.metrics]
            search.folder.write(
                "watched.svg", watched_svg({name: [line[name] for line in lines] for name in self.names})
            )
