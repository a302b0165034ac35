"""Where things are: everything that is made lies under target/compare."""

from pathlib import Path

CRATE = Path(__file__).resolve().parents[1]
MADE = CRATE.parents[1] / "target" / "compare"
MODELS = MADE / "models"
TRAINING = MADE / "training"
RUST_WORKER = MADE / "cargo" / "release" / "worker"


def model(network, name):
    """A file of a network for inference: `model("alexnet", "b1.onnx")`."""
    return MODELS / network / name


def training(network, name):
    """A file of a network to be trained: `training("lenet5", "data.safetensors")`."""
    return TRAINING / network / name
