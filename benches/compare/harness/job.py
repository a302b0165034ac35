"""What a worker is to do."""

from dataclasses import dataclass

from . import paths


@dataclass(frozen=True)
class Job:
    """One network at one batch size and number of threads, to be run or to be trained."""

    task: str
    network: str
    batch: int
    threads: int
    # Of training only.
    learning_rate: float = 0.0

    @property
    def models(self):
        """Where the files of the networks are."""
        return paths.TRAINING if self.task == "training" else paths.MODELS

    def arguments(self):
        """The command line of a worker."""
        names = ["task", "network", "batch", "threads", "learning_rate"]
        return [part for name in names for part in (f"--{name.replace('_', '-')}", str(getattr(self, name)))]

    def place(self):
        """The first fields of a row."""
        return {"network": self.network, "batch": self.batch, "threads": self.threads}

    def log(self, engine):
        """Where the worker's complaints go."""
        return paths.MADE / "logs" / f"{self.task}-{engine}-{self.network}-{self.batch}-{self.threads}.log"
