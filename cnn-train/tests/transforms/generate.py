"""Writes expected.safetensors: what torchvision's transforms.v2.functional makes of small pictures, on tensors of bytes.

    python3 cnn-train/tests/transforms/generate.py      (torch, torchvision, numpy, safetensors, Pillow)

Names are `transform/parameter..`; `image`, `grey` and `wide` are what they are applied to.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torchvision.transforms import InterpolationMode
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

HERE = Path(__file__).parent


def picture(channels, height, width, seed):
    """Smooth colours with noise: every hue, and some greys."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    planes = [127 + 127 * np.sin(x / (3 + c) + y / (7 - 2 * c) + 2 * c) + rng.normal(0, 20, (height, width))
              for c in range(channels)]
    image = np.clip(planes, 0, 255).astype(np.uint8)
    image[:, :2] = image[:1, :2]  # grey rows
    return torch.from_numpy(image)


image, grey, wide = picture(3, 16, 16, 1), picture(1, 16, 16, 2), picture(3, 13, 19, 3)
out = {"image": image, "grey": grey, "wide": wide}


def pillow(tensor, size, mode):
    """Resized as a Pillow image, which is what `ImageFolder` gives to transforms."""
    resized = F.resize(F.to_pil_image(tensor), size, interpolation=mode, antialias=True)
    return F.pil_to_tensor(resized)


for factor in [0.0, 0.3, 0.8, 1.0, 1.25, 1.9]:
    for name in ["brightness", "contrast", "saturation"]:
        adjust = getattr(F, f"adjust_{name}")
        out[f"{name}/image/{factor}"] = adjust(image, factor)
        out[f"{name}/grey/{factor}"] = adjust(grey, factor)
for turn in [-0.5, -0.21, -0.05, 0.0, 0.1, 0.34, 0.5]:
    out[f"hue/image/{turn}"] = F.adjust_hue(image, turn)
for degrees in [0.0, 15.0, -33.5, 90.0, 180.0, 271.0]:
    for fill in [0, 200]:
        for name, source in [("image", image), ("wide", wide)]:
            out[f"rotate/{name}/{degrees}/{fill}"] = F.rotate(
                source, degrees, interpolation=InterpolationMode.BILINEAR, fill=[float(fill)])
for by in [1, 4, 12]:
    out[f"pad/wide/{by}/reflect"] = F.pad(wide, [by] * 4, padding_mode="reflect")
    out[f"pad/wide/{by}/9"] = F.pad(wide, [by] * 4, fill=9, padding_mode="constant")
out["flip/wide"] = F.horizontal_flip(wide)
for size in [(4, 4), (5, 6), (12, 13), (13, 19)]:
    out[f"center/wide/{size[0]}/{size[1]}"] = F.center_crop(wide, list(size))
for size in [(7, 5), (26, 40), (13, 8)]:
    for name, mode in [("bilinear", InterpolationMode.BILINEAR), ("bicubic", InterpolationMode.BICUBIC)]:
        out[f"resize/wide/{size[0]}/{size[1]}/{name}"] = pillow(wide, list(size), mode)
out["shorter/wide/8"] = pillow(wide, [8], InterpolationMode.BILINEAR)
cut = F.resized_crop(F.to_pil_image(wide), 2, 3, 9, 11, [8, 8], interpolation=InterpolationMode.BILINEAR)
out["resized_crop/wide"] = F.pil_to_tensor(cut)
out["erase/wide"] = F.erase(wide, 3, 5, 4, 7, torch.tensor([77.0])[:, None, None].to(torch.uint8))
mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
out["normalize/wide"] = v2.Compose([v2.ToDtype(torch.float32, scale=True), v2.Normalize(mean, std)])(wide)

save_file({name: tensor.clone().contiguous() for name, tensor in out.items()}, HERE / "expected.safetensors")
