"""Writes the models: the same weights for every engine.

Of each network: `weights.safetensors`, `data.safetensors` (the images and the logits), `b1.onnx` and `b8.onnx`,
`b1.mnn` and `b8.mnn` (from the ONNX files), `ncnn.param` and `ncnn.bin`. What cannot be converted leaves
`<engine>.failed` with the reason. `complete` says from what all was made.
"""

import copy
import shutil
import subprocess
import sys
import traceback

import torch
from safetensors.torch import save_file

from . import networks, paths, recipe, weights

TOOLS = paths.MADE / "venv" / "bin"


def export(name):
    """Writes everything of one network."""
    print(f"exporting {name}", flush=True)
    shutil.rmtree(paths.MODELS / name, ignore_errors=True)
    (paths.MODELS / name).mkdir(parents=True)
    shape = networks.INPUTS[name]
    network = weights.fill(networks.build(name), shape)
    images = weights.images(shape, max(networks.BATCHES))
    save_file(
        {key: value for key, value in network.state_dict().items() if not key.endswith("num_batches_tracked")},
        paths.model(name, "weights.safetensors"),
    )
    save_file({"input": images, "logits": logits(network, images)}, paths.model(name, "data.safetensors"))
    for batch in networks.BATCHES:
        onnx(network, images[:batch], paths.model(name, f"b{batch}.onnx"))
    attempt(name, "mnn", lambda: [mnn(name, batch) for batch in networks.BATCHES])
    attempt(name, "ncnn", lambda: ncnn(network, images[:1], name))
    paths.model(name, "complete").write_text(recipe.fingerprint())


def logits(network, images):
    """What PyTorch gives in double precision: nobody's rounding is the reference."""
    with torch.inference_mode():
        exact = copy.deepcopy(network).double()(images.double())
        own = (network(images) - exact).abs().max() / exact.abs().max()
        apart = (exact - exact.mean(0)).std() / exact.std()
    assert own < 2e-5, f"the network magnifies rounding errors: {own}"
    assert apart > 0.05, f"all images have the same logits: {apart}"
    return exact.float()


def onnx(network, images, path):
    """With the exporter that `torch.onnx.export` uses by default, the weights inside the file."""
    torch.onnx.export(
        network, (images,), path, input_names=["input"], output_names=["logits"],
        dynamo=True, external_data=False, verbose=False,
    )  # fmt: skip


def mnn(name, batch):
    """With MNN's converter, which leaves the weights in f32 unless told otherwise."""
    source, target = (paths.model(name, f"b{batch}.{kind}") for kind in ("onnx", "mnn"))
    tool(TOOLS / "mnnconvert", "-f", "ONNX", "--modelFile", source, "--MNNModel", target, "--bizCode", "compare")
    assert target.exists(), "mnnconvert wrote nothing"


def ncnn(network, images, name):
    """With pnnx, told to leave the weights in f32."""
    work = paths.model(name, "pnnx")
    work.mkdir(exist_ok=True)
    torch.jit.trace(network, images).save(work / "net.pt")
    size = ",".join(map(str, images.shape))
    tool(TOOLS / "pnnx", work / "net.pt", f"inputshape=[{size}]f32", "fp16=0")
    for kind in ("param", "bin"):
        (work / f"net.ncnn.{kind}").rename(paths.model(name, f"ncnn.{kind}"))
    shutil.rmtree(work)


def tool(*command):
    """Runs a converter; what it says is shown only if it fails."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stdout[-500:]}{done.stderr[-500:]}")


def attempt(name, engine, convert):
    """Converts, or leaves the reason why not."""
    try:
        convert()
    except Exception as error:
        traceback.print_exc()
        paths.model(name, f"{engine}.failed").write_text(f"{error}")


if __name__ == "__main__":
    for wanted in sys.argv[1:]:
        export(wanted)
