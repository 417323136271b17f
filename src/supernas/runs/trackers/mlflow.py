"""MLflow, in plain files: `MLFLOW_ALLOW_FILE_STORE=true mlflow ui --backend-store-uri RUN/trackers/mlflow` shows them.

The files need no database and no migration of one, which would take longer than a small search.
"""

import json
import os
import re
from pathlib import Path

from supernas.core.documents import Document
from supernas.runs.trackers.base import Numbers, Tracker, flat

__all__ = ["MLflow"]

_LONGEST = 500  # characters of a setting's value, which all versions take
_AT_ONCE = 100  # settings in one call


class MLflow(Tracker):
    """A local file store of MLflow."""

    module = "mlflow"

    def __init__(self, folder: Path, name: str, document: Document) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # which would use the network
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        (folder / ".trash").mkdir(parents=True)  # what a process has had before is not laid out by the library again
        self.client = MlflowClient(tracking_uri=folder.as_uri())
        self.run = self.client.create_run(self.client.create_experiment("supernas"), run_name=name).info.run_id
        settings = [Param(_named(path), json.dumps(value)[:_LONGEST]) for path, value in flat(document, ".")]
        for first in range(0, len(settings), _AT_ONCE):
            self.client.log_batch(self.run, params=settings[first : first + _AT_ONCE])

    def write(self, epoch: int, values: Numbers) -> None:
        """A step of its metrics."""
        for name, value in values.items():
            self.client.log_metric(self.run, _named(name), value, step=epoch)

    def close(self, outcome: Numbers) -> None:
        """Numbers of the end are metrics in the group `result`."""
        self.write(0, {f"result/{name}": value for name, value in outcome.items()})
        self.client.set_terminated(self.run, "FINISHED" if outcome else "KILLED")


def _named(name: str) -> str:
    """A name in letters that MLflow takes."""
    return re.sub(r"[^\w\-. /]", "_", name)
