"""The networks with a twin in torchvision: how it is made, and what of it is recorded beside logits and modules."""

from dataclasses import dataclass, field
from functools import partial

from torchvision import models

# What the weights of convolutions are multiplied by (see `formula.tensor`): where no norms follow, and where they do.
# Some need more than the others lest their values fade: they have few ReLUs, or a large `eps`.
PLAIN, NORMED = 1.0, 0.04


@dataclass
class Twin:
    """A network of torchvision."""

    # Its constructor.
    make: object
    gain: float = NORMED
    # Whether the gradients are recorded.
    gradients: bool = False
    # Outputs besides the logits: the module that gives it, and the one that it reads.
    heads: dict[str, tuple[str, str]] = field(default_factory=dict)


def googlenet(aux):
    """GoogLeNet as it is without pretrained weights: the images are not normalized another time. (Its initial values,
    which take a minute, are not drawn.)"""
    return partial(models.googlenet, aux_logits=aux, init_weights=False, transform_input=False)


TWINS = {
    "alexnet": Twin(models.alexnet, PLAIN),
    "vgg11": Twin(models.vgg11, PLAIN),
    "vgg13": Twin(models.vgg13, PLAIN),
    "vgg16": Twin(models.vgg16, PLAIN),
    "vgg19": Twin(models.vgg19, PLAIN),
    "vgg11_bn": Twin(models.vgg11_bn),
    "vgg13_bn": Twin(models.vgg13_bn),
    "vgg16_bn": Twin(models.vgg16_bn),
    "vgg19_bn": Twin(models.vgg19_bn),
    "googlenet": Twin(googlenet(aux=False), 0.06),
    # Its other heads answer in training only, so they are asked one by one.
    "googlenet_aux": Twin(
        googlenet(aux=True), 0.06, heads={"logits1": ("aux1", "inception4a"), "logits2": ("aux2", "inception4d")}
    ),
    "resnet18": Twin(models.resnet18, gradients=True),
    "resnet34": Twin(models.resnet34),
    "resnet50": Twin(models.resnet50),
    "resnet101": Twin(models.resnet101),
    "resnet152": Twin(models.resnet152),
    "densenet121": Twin(models.densenet121, 0.05, gradients=True),
    "densenet169": Twin(models.densenet169, 0.05),
    "squeezenet1_0": Twin(models.squeezenet1_0, PLAIN),
    "squeezenet1_1": Twin(models.squeezenet1_1, PLAIN),
    "mobilenet_v2": Twin(models.mobilenet_v2, 0.05),
    "mobilenet_v3_small": Twin(models.mobilenet_v3_small, 0.065, gradients=True),
    "mobilenet_v3_large": Twin(models.mobilenet_v3_large, 0.065),
    "efficientnet_b0": Twin(models.efficientnet_b0, 0.06),
    "shufflenet_v2_x1_0": Twin(models.shufflenet_v2_x1_0, 0.05, gradients=True),
    "convnext_tiny": Twin(models.convnext_tiny, gradients=True),
}
