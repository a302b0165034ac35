"""Writes what PyTorch makes of the four photos: the prepared pixels and the logits of MobileNetV2.

    python3 -m venv .venv && .venv/bin/pip install torch==2.15.0 torchvision==0.29.2 safetensors==0.8.0 pillow==13.0.0
    .venv/bin/python data/imagenet/reference.py

`mobilenet_v2_reference.safetensors` goes beside this file; `cargo test -p cnn-examples --test classify` compares. Any
build of PyTorch will do: only the CPU is used, in one thread.
"""

from pathlib import Path

import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file, save_file
from torchvision import transforms

PHOTOS = ["chelsea.png", "coffee.webp", "camera.png", "china.jpg"]
HERE = Path(__file__).parent


def main():
    torch.set_num_threads(1)
    weights = load_file(HERE / "mobilenet_v2.safetensors")
    net = torchvision.models.mobilenet_v2()
    left = net.load_state_dict(weights, strict=False)
    unfair = [name for name in left.missing_keys if not name.endswith("num_batches_tracked")]
    if unfair or left.unexpected_keys:
        raise SystemExit(f"not torchvision's names: {unfair} {left.unexpected_keys}")
    net.eval()

    crop = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.PILToTensor()])
    pixels = torch.stack([crop(Image.open(HERE.parent / "photos" / name).convert("RGB")) for name in PHOTOS])
    normalize = transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
    with torch.no_grad():
        logits = net(normalize(pixels.float() / 255))
        # The float64 run says how far float32 itself is from the truth.
        exact = net.double()(normalize(pixels.double() / 255))
    print(f"float32 is within {(logits - exact).abs().max():.1e} of float64")
    for name, row in zip(PHOTOS, logits.softmax(1)):
        print(f"{name:12} class {row.argmax()}: {row.max():.4f}")
    versions = {"torch": torch.__version__, "torchvision": torchvision.__version__, "pillow": Image.__version__}
    metadata = {name: version.split("+")[0] for name, version in versions.items()} | {"photos": ",".join(PHOTOS)}
    save_file({"pixels_u8": pixels, "logits": logits}, HERE / "mobilenet_v2_reference.safetensors", metadata)


if __name__ == "__main__":
    main()
