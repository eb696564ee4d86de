"""CLIP's image tower, computed with less work than the library does, and on a CPU in 8-bit integers.

The numbers are those of `CLIPModel.get_image_features`. Three things are left out that change nothing but rounding:
in the last layer all positions but the one that becomes the vector; `x * sigmoid(1.702 x)` as three steps, for 1.702
goes into the weights on both sides and one fused step is left; and what takes colours to numbers is one step.

In 8-bit integers, after T. Dettmers et al., "LLM.int8()", NeurIPS 2022: weights have a scale for each output, inputs
one for each position of each picture, so that a picture's vector depends on it alone; the few input channels that are
far larger than the others stay in float32, and the many of `fc2` are cut into parts of a scale each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional

Product: TypeAlias = Callable[[Tensor], Tensor]
"""Of float32[n, inputs], float32[n, outputs]: a linear layer."""

GELU = 1.702
STEPS, WEIGHT_STEPS = 180, 91
"""Levels of an input, and of a weight to either side of 0. Without VNNI, the products of two neighbours are added in 16
bits: 2 x 180 x 91 is what fits."""

LARGE_CHANNELS = {"qkv": 32, "out": 16, "fc1": 32, "fc2": 0}
"""Input channels of each layer that stay in float32."""

PARTS = {"qkv": 1, "out": 1, "fc1": 1, "fc2": 8}
"""Parts of a scale each that the other channels are cut into. Half of what integers lose is lost in `fc2`, whose inputs
are few large numbers among many small ones. Cosine to float32 of ViT-B/16 over 64 training photos, mean and minimum:
these, with the first block in float32, 0.9995 and 0.9990; with that block in integers 0.9995 and 0.9988, and over 32
pictures of noise 0.9988 where these have 0.9994; fc2 in one part with 288 channels in float32, and 96 of the others,
0.9994 and 0.9986, for 7 % more time."""

Key: TypeAlias = tuple[int, str]
"""A linear layer: the number of its block, and one of LARGE_CHANNELS."""


class Tower:
    """The image tower of a `CLIPModel`, on the model's device and with its weights."""

    def __init__(self, model: Any, mean: Sequence[float], std: Sequence[float]) -> None:
        vision = model.vision_model
        if model.config.vision_config.hidden_act != "quick_gelu":
            raise ValueError("another activation than quick_gelu")
        self._vision = vision
        self._projection = model.visual_projection.weight
        self._heads = int(model.config.vision_config.num_attention_heads)
        self._scale = (1.0 / (255.0 * torch.tensor(std))).to(self._projection.device)
        self._shift = (-torch.tensor(mean) / torch.tensor(std)).to(self._projection.device)
        self._products: dict[Key, Product] = {}
        self.exact()

    def exact(self) -> None:
        """From now on compute in float32, as at first."""
        self._products = {key: _exact(*weights) for key, weights in self._weights().items()}

    def release(self) -> None:
        """Give back the memory of the model's own weights that are used no more; the model cannot be run after it."""
        for layer in self._vision.encoder.layers:
            layer.self_attn = layer.mlp = torch.nn.Identity()

    def _weights(self) -> dict[Key, tuple[Tensor, Tensor]]:
        found: dict[Key, tuple[Tensor, Tensor]] = {}
        for number, layer in enumerate(self._vision.encoder.layers):
            a, mlp = layer.self_attn, layer.mlp
            parts = (a.q_proj, a.k_proj, a.v_proj)
            found[number, "qkv"] = torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])
            found[number, "out"] = a.out_proj.weight, a.out_proj.bias
            found[number, "fc1"] = mlp.fc1.weight * GELU, mlp.fc1.bias * GELU
            found[number, "fc2"] = mlp.fc2.weight / GELU, mlp.fc2.bias
        return {key: (weight.detach(), bias.detach()) for key, (weight, bias) in found.items()}

    @torch.inference_mode()
    def quantise(self, pixels: Tensor) -> None:
        """From now on compute in integers; `pixels` (as `__call__` takes them) show which channels are large.

        The first block, and of the last what is done for one position only, stay as they are. Raises RuntimeError or
        AttributeError where this build of torch has no product of 8-bit integers, or a width does not divide into
        its parts.
        """
        largest: dict[Key, Tensor] = {}
        self._run(pixels, largest)
        last = len(self._vision.encoder.layers) - 1
        weights = self._weights()
        self._products |= {
            key: Int8(
                *weights[key],
                large=torch.topk(largest[key], min(LARGE_CHANNELS[key[1]], len(largest[key]))).indices,
                parts=PARTS[key[1]],
            )
            for key in weights
            if 0 < key[0] < last or key == (last, "qkv")
        }

    def __call__(self, pixels: Tensor) -> Tensor:
        """float32[n, dim], not normalised, of pictures uint8[n, side, side, 3]."""
        return self._run(pixels, None)

    def _run(self, pixels: Tensor, largest: dict[Key, Tensor] | None) -> Tensor:
        def product(key: Key, x: Tensor) -> Tensor:
            rows = x.reshape(-1, x.shape[-1])
            if largest is not None:
                largest[key] = rows.abs().amax(0)
            return self._products[key](rows).reshape(*x.shape[:-1], -1)

        colours = torch.addcmul(self._shift, pixels.float(), self._scale).permute(0, 3, 1, 2).contiguous()
        x = self._vision.pre_layrnorm(self._vision.embeddings(colours))
        pictures, positions, width = x.shape
        layers = self._vision.encoder.layers
        for number, layer in enumerate(layers):
            qkv = product((number, "qkv"), layer.layer_norm1(x))
            q, k, v = qkv.view(pictures, positions, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
            if number == len(layers) - 1 and largest is None:
                q, x = q[:, :, :1], x[:, :1]
            seen = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(pictures, -1, width)
            x = x + product((number, "out"), seen)
            inner = functional.silu(product((number, "fc1"), layer.layer_norm2(x)), inplace=True)
            x = x + product((number, "fc2"), inner)
        return functional.linear(self._vision.post_layernorm(x[:, 0]), self._projection)


def _exact(weight: Tensor, bias: Tensor) -> Product:
    return lambda x: functional.linear(x, weight, bias)


class Int8:
    """A linear layer whose products are of 8-bit integers, but for those of the input channels `large`.

    The inputs are cut into `parts` of one width, each of which has its own scale in each row.
    """

    def __init__(self, weight: Tensor, bias: Tensor, large: Tensor, parts: int) -> None:
        rest = weight.index_fill(1, large, 0.0)
        self._kept = torch.ones(weight.shape[1]).index_fill(0, large, 0.0) if len(large) else None
        self._large = large
        self._parts = [Part(part) for part in rest.view(len(weight), parts, -1).unbind(1)]
        # what is added to the integers' products: the rows' least values times the columns' sums, bias, large channels
        sums = torch.stack([part.sums for part in self._parts])
        self._added = torch.cat([sums, bias[None], weight[:, large].t()]).contiguous()

    def __call__(self, x: Tensor) -> Tensor:
        rest = x if self._kept is None else x * self._kept
        rest = rest.view(len(x), len(self._parts), -1)
        least = rest.amin(2, keepdim=True)
        step = (rest.amax(2, keepdim=True) - least).clamp_min_(1e-12) / STEPS
        per_step = 1.0 / step
        steps = torch.addcmul(0.5 - least * per_step, rest, per_step)
        beside = torch.cat([least[:, :, 0], least.new_ones(len(x), 1), x.index_select(1, self._large)], 1)
        total = beside @ self._added
        for number, part in enumerate(self._parts):
            total.addcmul_(part.product(steps[:, number]), step[:, number])
        return total


class Part:
    """Weights of some input channels in 8-bit integers, with a scale for each output; `sums` are theirs over them."""

    def __init__(self, weight: Tensor) -> None:
        self._scales = weight.abs().amax(1).clamp_min(1e-12) / WEIGHT_STEPS
        rounded = torch.round(weight / self._scales[:, None])
        self.sums = rounded.sum(1) * self._scales
        self._packed = torch.ops.onednn.qlinear_prepack(rounded.to(torch.int8), [1, weight.shape[1]])
        self._zeros = torch.zeros(len(weight), dtype=torch.int64)

    def product(self, steps: Tensor) -> Tensor:
        """float32[n, outputs] of inputs float32[n, inputs] in [0.5, STEPS + 0.5], which are cut to whole numbers.

        Those of a row whose range is under a millionth of its values may be outside, by steps of next to nothing.
        """
        found: Tensor = torch.ops.onednn.qlinear_pointwise(
            steps.to(torch.uint8, memory_format=torch.contiguous_format),
            1.0, 0, self._packed, self._scales, self._zeros, None, 1.0, 0, torch.float32, "none", [], "",
        )  # fmt: skip
        return found
