"""Networks for classification, by name; each is trainable at several sizes of input."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from teacherstudent.contract.checks import check_mapping
from teacherstudent.contract.stored import trust

Factory = Callable[..., nn.Module]


class SmallCNN(nn.Module):
    """The 67 k-parameter network of Cyclical Curriculum Learning (Kesgin & Amasyali 2023): 32-64-64 filters.

    Three 3 x 3 convolutions with batch normalisation and ReLU, two of them before a max-pooling by 2, and a
    linear layer; 67 210 values for three channels and ten classes, running statistics included.

    Deviations: convolutions are padded and the last map is pooled to 4 x 4, so that small images pass.

    Args:
        classes: number of classes.
        channels: of the images.
        size: the images' full side; not used.
        width: filters of the first layer.
    """

    size_step = 2
    smallest = 4

    def __init__(self, classes: int, channels: int, size: int, *, width: int = 32) -> None:
        super().__init__()

        def block(inside: int, outside: int) -> list[nn.Module]:
            return [nn.Conv2d(inside, outside, 3, padding=1), nn.BatchNorm2d(outside), nn.ReLU()]

        self.features = nn.Sequential(
            *block(channels, width),
            nn.MaxPool2d(2),
            *block(width, 2 * width),
            nn.MaxPool2d(2),
            *block(2 * width, 2 * width),
            # Every size of image ends in the same map, so that one head fits all.
            nn.AdaptiveAvgPool2d(4),
        )
        self.head = nn.Linear(32 * width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(n, classes)``."""
        return cast("Tensor", self.head(self.features(images).flatten(1)))


class _Residual(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut (He et al. 2015, https://arxiv.org/abs/1512.03385)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outside)
        self.shortcut: nn.Module = nn.Identity()
        # The shortcut must take on the new shape.
        if stride != 1 or inside != outside:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.norm1(self.conv1(x)))
        return torch.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


class SmallResNet(nn.Module):
    """A ResNet for small images: a 3 x 3 stem, stages of doubling width, global average pooling.

    The defaults have 78 k parameters; ``widths=(64, 128, 256, 512), blocks=2`` is ResNet-18 for CIFAR.

    Args:
        classes: number of classes.
        channels: of the images.
        size: the images' full side; not used.
        widths: filters of each stage; all but the first halve the map.
        blocks: residual blocks in each stage.
        stem_stride: 2 halves the map at once: about four times less compute.

    Raises:
        ValueError: if a number is below 1.
    """

    size_step = 2
    smallest = 4

    def __init__(
        self,
        classes: int,
        channels: int,
        size: int,
        *,
        widths: Sequence[int] = (16, 32, 64),
        blocks: int = 1,
        stem_stride: int = 1,
    ) -> None:
        super().__init__()
        if min(*widths, blocks, stem_stride, len(widths)) < 1:
            raise ValueError(f"resnet: expected numbers of at least 1, got {widths}, {blocks}, {stem_stride}")
        self.stem = nn.Conv2d(channels, widths[0], 3, stem_stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        layers = []
        inside = widths[0]
        for stage, width in enumerate(widths):
            for block in range(blocks):
                stride = 1
                # The first block of each later stage halves the map.
                if stage > 0 and block == 0:
                    stride = 2
                layers.append(_Residual(inside, width, stride))
                inside = width
        self.stages = nn.Sequential(*layers)
        self.head = nn.Linear(inside, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits ``(n, classes)``."""
        x = self.stages(torch.relu(self.norm(self.stem(images))))
        return cast("Tensor", self.head(x.mean((2, 3))))


class MLP(nn.Module):
    """Fully connected layers with ReLU between them, for tables and other vectors; inputs are flattened.

    The first layer takes its width from the first batch.

    Args:
        classes: numbers that are returned for an example.
        channels: of the inputs; not used.
        size: of the inputs, the only one that is taken.
        widths: of the hidden layers; none makes a linear model.
        dropout: share of hidden units that a training step leaves out.

    Raises:
        ValueError: if a width is below 1 or the dropout no share.
    """

    def __init__(
        self,
        classes: int,
        channels: int,
        size: int,
        *,
        widths: Sequence[int] = (64, 64),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        # The first layer has a weight for each number of an input, so there is no smaller size.
        self.smallest = size
        if min((1, *widths)) < 1 or not 0 <= dropout < 1:
            raise ValueError(f"mlp: expected widths from 1 and a dropout in [0, 1), got {widths}, {dropout}")
        layers: list[nn.Module] = [nn.Flatten()]
        for width in widths:
            layers += [nn.LazyLinear(width), nn.ReLU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
        self.layers = nn.Sequential(*layers, nn.LazyLinear(classes))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return outputs ``(n, classes)``."""
        return cast("Tensor", self.layers(inputs))


def linear(classes: int, channels: int, size: int) -> nn.Module:
    """Return one linear layer over the flattened input: logistic or linear regression by gradient steps."""
    return MLP(classes, channels, size, widths=())


class _Logits(nn.Module):
    """A model of the transformers library that returns its logits."""

    def __init__(self, model: nn.Module, size_step: int, smallest: int, **call: Any) -> None:
        super().__init__()
        self.model = model
        self.size_step = size_step
        self.smallest = smallest
        self._call = call

    def forward(self, images: Tensor) -> Tensor:
        return cast("Tensor", self.model(images, **self._call).logits)


def _transformers() -> Any:
    try:
        # Import late, as the package is an optional extra.
        return importlib.import_module("transformers")
    except ImportError as error:
        raise ImportError(
            "backbones convnext, vit, deit and swin: expected the package transformers; install it with "
            f"pip install 'teacherstudent[vision]' ({error})"
        ) from error


def convnext(
    classes: int,
    channels: int,
    size: int,
    *,
    patch: int = 2,
    depths: Sequence[int] = (2, 2, 2),
    widths: Sequence[int] = (32, 64, 128),
    **config: Any,
) -> nn.Module:
    """Return a ConvNeXt (Liu et al. 2022, https://arxiv.org/abs/2201.03545).

    Args:
        classes: number of classes.
        channels: of the images.
        size: the images' full side.
        patch: stride of the stem.
        depths: blocks of each stage.
        widths: channels of each stage.
        config: further fields of transformers' ``ConvNextConfig``.
    """
    hf = _transformers()
    made = hf.ConvNextConfig(
        num_channels=channels,
        num_labels=classes,
        patch_size=patch,
        num_stages=len(depths),
        depths=list(depths),
        hidden_sizes=list(widths),
        image_size=size,
        **config,
    )
    # Each stage after the first halves the map, of which one pixel must be left.
    smallest = patch * 2 ** (len(depths) - 1)
    return _Logits(hf.ConvNextForImageClassification(made), 2, smallest)


def vit(
    classes: int,
    channels: int,
    size: int,
    *,
    patch: int = 4,
    width: int = 96,
    depth: int = 4,
    heads: int = 3,
    distilled: bool = False,
    **config: Any,
) -> nn.Module:
    """Return a vision transformer (Dosovitskiy et al. 2020, https://arxiv.org/abs/2010.11929).

    Position embeddings belong to the full size and are interpolated, differentiably, at smaller ones.

    Args:
        classes: number of classes.
        channels: of the images.
        size: the images' full side.
        patch: side of a patch; sizes are multiples of it.
        width: of the embedding.
        depth: number of blocks.
        heads: of the attention; they divide the width.
        distilled: DeiT's architecture (Touvron et al. 2020, https://arxiv.org/abs/2012.12877), with its
            distillation token.
        config: further fields of transformers' ``ViTConfig``.

    Raises:
        ValueError: if the size is no multiple of the patch, or the width none of the heads.
    """
    if size % patch:
        raise ValueError(f"vit: expected a size that is a multiple of the patch {patch}, got {size}")
    if width % heads:
        raise ValueError(f"vit: expected a width that is a multiple of the {heads} heads, got {width}")
    hf = _transformers()
    kind = "DeiT" if distilled else "ViT"
    made = getattr(hf, f"{kind}Config")(
        image_size=size,
        patch_size=patch,
        num_channels=channels,
        hidden_size=width,
        num_hidden_layers=depth,
        num_attention_heads=heads,
        num_labels=classes,
        # Four times the width, as in the paper, unless the options say otherwise.
        **{"intermediate_size": 4 * width, **config},
    )
    model = getattr(hf, f"{kind}ForImageClassification")(made)
    # Sizes are kept even, as the low-frequency crop needs them.
    return _Logits(model, math.lcm(2, patch), 2 * patch, interpolate_pos_encoding=True)


def deit(classes: int, channels: int, size: int, **options: Any) -> nn.Module:
    """Return `vit` with DeiT's distillation token."""
    return vit(classes, channels, size, distilled=True, **options)


def swin(
    classes: int,
    channels: int,
    size: int,
    *,
    patch: int = 2,
    window: int = 2,
    width: int = 32,
    depths: Sequence[int] = (2, 2),
    heads: Sequence[int] = (2, 4),
    **config: Any,
) -> nn.Module:
    """Return a Swin transformer (Liu et al. 2021, https://arxiv.org/abs/2103.14030).

    A stage's map must not be smaller than the window, and every stage halves the map, so sizes are multiples
    of ``patch * 2 ** (stages - 1)`` from ``window`` times that.

    Args:
        classes: number of classes.
        channels: of the images.
        size: the images' full side.
        patch: side of a patch.
        window: side of a window, in patches.
        width: of the first stage's embedding.
        depths: blocks of each stage.
        heads: of each stage.
        config: further fields of transformers' ``SwinConfig``.

    Raises:
        ValueError: if the full size does not fit patch, stages and window.
    """
    # The side that becomes one pixel in the last stage.
    step = patch * 2 ** (len(depths) - 1)
    if size % step or size < step * window:
        raise ValueError(
            f"swin: expected a size that is a multiple of {step} (patch {patch}, {len(depths)} stages) and "
            f"at least {step * window} (window {window}), got {size}"
        )
    hf = _transformers()
    made = hf.SwinConfig(
        image_size=size,
        patch_size=patch,
        num_channels=channels,
        embed_dim=width,
        depths=list(depths),
        num_heads=list(heads),
        window_size=window,
        num_labels=classes,
        **config,
    )
    return _Logits(hf.SwinForImageClassification(made), math.lcm(2, step), step * window)


BACKBONES: Mapping[str, Factory] = {
    "cnn": SmallCNN,
    "resnet": SmallResNet,
    "convnext": convnext,
    "vit": vit,
    "deit": deit,
    "swin": swin,
    "mlp": MLP,
    "linear": linear,
}
FLAT = ("mlp", "linear")
"""Networks that take inputs of any shape; all others take images."""


def usual(shape: tuple[int, ...]) -> str:
    """Return the network of inputs of a shape where none is named: ``"cnn"`` of images, else ``"mlp"``."""
    return "cnn" if len(shape) == 3 else "mlp"


def build(
    backbone: str | Factory | None, *, outputs: int, shape: tuple[int, ...], options: Mapping[str, Any]
) -> nn.Module:
    """Build a network for inputs of a shape; layers without a width take it from an input.

    Args:
        backbone: as `make`; a function of the user's, which is given the options alone; None for the usual
            one.
        outputs: numbers that are returned for an example.
        shape: of an input.
        options: of the network.

    Raises:
        ValueError: as `make`, or if a network for images is named and the inputs are none.
        TypeError: as `make`, or if a network is given in place of a function.
    """
    given = check_mapping("backbone_options", options)
    if isinstance(backbone, nn.Module):
        raise TypeError(
            f"backbone: expected a function that makes a network, got one that is made, "
            f"{type(backbone).__name__}: its initial weights would not follow from the seed; "
            "backbone=lambda: MyNetwork() makes it"
        )
    if backbone is not None and not isinstance(backbone, str):
        if not callable(backbone):
            raise TypeError(f"backbone: expected a name, 'module:function' or a function, got {backbone!r}")
        try:
            network = backbone(**given)
        except TypeError as error:
            raise TypeError(
                f"backbone: expected a function that makes a network of backbone_options={given}, got "
                f"{backbone!r}: {error}"
            ) from error
        if not isinstance(network, nn.Module):
            raise TypeError(f"backbone: expected a torch.nn.Module, got {type(network).__name__}")
    else:
        name = usual(shape) if backbone is None else backbone
        if name in BACKBONES and name not in FLAT and len(shape) != 3:
            raise ValueError(
                f"backbone: {name} takes images (channels, height, width), got inputs of shape {shape}: "
                f"expected one of {list(FLAT)}, 'module:function' or a function"
            )
        # Of a vector the columns are channels of size 1.
        size = shape[-1] if len(shape) > 1 else 1
        network = make(name, classes=outputs, channels=shape[0], size=size, options=given)
    if any(isinstance(module, nn.modules.lazy.LazyModuleMixin) for module in network.modules()):
        network.eval()
        # The width of a layer without one is known once an input has passed through it.
        with torch.no_grad():
            network(torch.zeros(2, *shape))
        network.train()
    return network


def make(name: str, *, classes: int, channels: int, size: int, options: Mapping[str, Any]) -> nn.Module:
    """Build a network by name, or by ``"module:function"`` with the same arguments.

    Networks of one's own may have the attributes ``size_step`` and ``smallest``: sizes of input are multiples
    of the one and not below the other. Without them every even size from 4 on is tried.

    Raises:
        ValueError: if there is no such network, or an option has a bad value.
        TypeError: if the name is no text, an option is unknown or the result is no ``torch.nn.Module``.
        ImportError: if the package that it needs is not there.
    """
    if not isinstance(name, str):
        raise TypeError(f"backbone: expected a name or 'module:function', got {name!r}")
    if ":" in name:
        # A name from a file of a run may import nothing that the user has not allowed.
        trust.check_import(name, "backbone")
        module, _, attribute = name.partition(":")
        try:
            factory: Factory = getattr(importlib.import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise ValueError(
                f"backbone {name!r}: expected an importable 'module:function': {error}"
            ) from error
    elif name in BACKBONES:
        factory = BACKBONES[name]
    else:
        raise ValueError(f"backbone: expected one of {list(BACKBONES)} or 'module:function', got {name!r}")
    given = check_mapping("backbone_options", options)
    try:
        network = factory(classes=classes, channels=channels, size=size, **given)
    except TypeError as error:
        # Here a TypeError nearly always means an unknown option.
        raise TypeError(f"backbone {name!r}: expected its options, got {given}: {error}") from error
    if not isinstance(network, nn.Module):
        raise TypeError(f"backbone {name!r}: expected a torch.nn.Module, got {type(network).__name__}")
    return network


def sizes(network: nn.Module, full: int) -> list[int]:
    """Return the sides of input that the network takes, ascending; the last one is ``full``."""
    step = int(getattr(network, "size_step", 2))
    smallest = int(getattr(network, "smallest", 4))
    # Round up to a multiple of the step.
    first = -(-smallest // step) * step
    return [*range(first, full, step), full]
