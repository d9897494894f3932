"""The two autoencoders between which restoration happens: pictures to latents and back."""

from __future__ import annotations

from torch import Tensor, nn

from models.layers import Norm, ReflectionPad, ResidualBlock, check_shape, normalization


class Autoencoder(nn.Module):
    """VAE 1 (old photographs) and VAE 2 (clean ones) of Wan et al. (CVPR 2020, "Restoration via
    latent space translation"): one class, two sets of weights; no random draw at inference.

    Image: Bx3xHxW in [-1, 1], sides multiples of 4. Latent: Bx`latent`xH/4xW/4, any range.

    Keys (published: width 64, latent 64, instance norm, 0.87 million parameters):
      encoder.1              conv 7x7, 3 -> width, reflected border; norm .2; ReLU
      encoder.4              conv 4x4 stride 2, zero border, width -> width; norm .5; ReLU
      encoder.7              the same, width -> latent; norm .8; ReLU
      encoder.10 to .13      residual blocks of latent; no activation after the last
      decoder.0 to .3        residual blocks of latent
      decoder.4, decoder.7   transposed conv 4x4 stride 2, latent -> width -> width; norm; ReLU
      decoder.11             conv 7x7, width -> 3, reflected border; tanh
    """

    multiple = 4

    def __init__(self, width: int = 64, norm: Norm = "instance", latent: int | None = None) -> None:
        super().__init__()
        self.latent = latent = width if latent is None else latent
        self.encoder = nn.Sequential(
            ReflectionPad(3),
            nn.Conv2d(3, width, 7),
            normalization(norm, width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 4, stride=2, padding=1),
            normalization(norm, width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, latent, 4, stride=2, padding=1),
            normalization(norm, latent),
            nn.ReLU(inplace=True),
            *(ResidualBlock(latent, norm) for _ in range(4)),
        )
        self.decoder = nn.Sequential(
            *(ResidualBlock(latent, norm) for _ in range(4)),
            nn.ConvTranspose2d(latent, width, 4, stride=2, padding=1),
            normalization(norm, width),
            nn.ReLU(inplace=True),
            nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
            normalization(norm, width),
            nn.ReLU(inplace=True),
            ReflectionPad(3),
            nn.Conv2d(width, 3, 7),
            nn.Tanh(),
        )

    def encode(self, image: Tensor) -> Tensor:
        """Bx3xHxW in [-1, 1] to Bx`latent`xH/4xW/4. Raises `BadNetworkInput` for another shape."""
        check_shape(image, 3, self.multiple, what="image for the autoencoder", least=8)
        latent: Tensor = self.encoder(image)
        return latent

    def decode(self, latent: Tensor) -> Tensor:
        """Bx`latent`xhxw to Bx3x4hx4w in [-1, 1]. Raises `BadNetworkInput` for another shape."""
        check_shape(latent, self.latent, what="latent for the autoencoder", least=2)
        image: Tensor = self.decoder(latent)
        return image

    def forward(self, image: Tensor) -> Tensor:
        """decode(encode(image)): Bx3xHxW in [-1, 1] to the same."""
        return self.decode(self.encode(image))
