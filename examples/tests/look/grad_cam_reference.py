"""Writes grad_cam_reference.safetensors: Grad-CAM maps of torchvision's MobileNetV2, computed by PyTorch alone.

    python3 examples/tests/look/grad_cam_reference.py

Needs torch, torchvision and safetensors. The network has the weights in data/imagenet, its inputs are the pixels there
(chelsea.png, coffee.webp, camera.png, china.jpg). The maps are those of Selvaraju et al. (arXiv 1610.02391, equations 1
and 2) at `features.18`, in f32, not normalized:

    classes     (4, 2)      the likeliest class of each picture, and the second
    maps        (4, 2, 7, 7) the map for each of the two
    upsampled   (21, 35)    the first map as shares from its smallest value to its largest, interpolated to 21x35
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torchvision.models import mobilenet_v2

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[2] / "data/imagenet"


def main():
    torch.manual_seed(0)
    network = mobilenet_v2(weights=None).eval()
    missing, unexpected = network.load_state_dict(load_file(DATA / "mobilenet_v2.safetensors"), strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing), (missing, unexpected)

    pixels = load_file(DATA / "mobilenet_v2_reference.safetensors")["pixels_u8"]
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    inputs = (pixels.float() / 255 - mean) / std

    kept = []
    network.features[18].register_forward_hook(lambda module, args, output: kept.append(output))
    classes, maps = [], []
    for image in inputs:
        best = network(image[None]).argsort(descending=True)[0, :2]
        classes.append(best)
        for index in best:
            kept.clear()
            logits = network(image[None])
            (gradient,) = torch.autograd.grad(logits[0, index], kept[0])
            alpha = gradient.mean(dim=(2, 3), keepdim=True)
            maps.append((alpha * kept[0]).sum(dim=1).relu()[0].detach())
    maps = torch.stack(maps).view(4, 2, 7, 7)
    first = (maps[0, 0] - maps[0, 0].min()) / (maps[0, 0].max() - maps[0, 0].min())
    upsampled = F.interpolate(first[None, None], size=(21, 35), mode="bilinear", align_corners=False)[0, 0]
    save_file(
        {
            "classes": torch.stack(classes).to(torch.int64).contiguous(),
            "maps": maps.contiguous(),
            "upsampled": upsampled.contiguous(),
        },
        HERE / "grad_cam_reference.safetensors",
    )


if __name__ == "__main__":
    main()
