"""The network: residual blocks of 3×3 convolutions and pixel shuffle, added to a bicubic enlargement."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

SCALE = 4


class Block(nn.Module):
    """Two convolutions and what went in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape as `x`."""
        return x + self.second(functional.leaky_relu(self.first(x), 0.1))


class Enhancer(nn.Module):
    """RGB in 0 to 1, (count, 3, height, width), to the same at four times the height and width; not clipped."""

    def __init__(self, channels: int = 40, blocks: int = 4) -> None:
        super().__init__()
        self.channels, self.blocks = channels, blocks
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*(Block(channels) for _ in range(blocks)))
        self.tail = nn.Conv2d(channels, 3 * SCALE**2, 3, padding=1)
        for block in self.body:
            nn.init.zeros_(block.second.bias)
            block.second.weight.data.mul_(0.3)
        nn.init.zeros_(self.tail.bias)
        self.tail.weight.data.mul_(0.05)

    def forward(self, x: Tensor) -> Tensor:
        """The enlargement."""
        features = self.head(x - 0.5)
        detail = functional.pixel_shuffle(self.tail(self.body(features) + features), SCALE)
        base = functional.interpolate(x, scale_factor=SCALE, mode="bicubic", align_corners=False)
        return base + detail.float()

    @property
    def reach(self) -> int:
        """How many input pixels around an output pixel it depends on (the bicubic enlargement needs 2)."""
        return 2 + 2 * self.blocks
