"""The autoencoder: published layout and vectors, other widths and norms, refusal of bad sizes."""

from __future__ import annotations

import pytest
import torch
from published_fill import fill, published_network, published_vectors
from torch import Tensor

from models.damage.vae import Autoencoder
from models.layers import BadNetworkInput, Norm

NAME = "bopbl_vae"


@pytest.fixture(scope="module")
def network() -> Autoencoder:
    built = published_network(Autoencoder, NAME)
    assert isinstance(built, Autoencoder)
    return built


@pytest.fixture(scope="module")
def vectors() -> dict[str, Tensor]:
    return published_vectors(NAME)


@pytest.mark.parametrize("case", ["a", "b", "c"])
def test_latents_and_images_are_the_published_ones(
    network: Autoencoder, vectors: dict[str, Tensor], case: str
) -> None:
    with torch.inference_mode():
        latent = network.encode(vectors[f"x_{case}"])
        assert torch.allclose(latent, vectors[f"latent_{case}"], rtol=0, atol=1e-4)
        again = network(vectors[f"x_{case}"])
    assert torch.allclose(again, vectors[f"recon_{case}"], rtol=0, atol=1e-4)


def test_any_latent_decodes_as_published(network: Autoencoder, vectors: dict[str, Tensor]) -> None:
    with torch.inference_mode():
        image = network.decode(vectors["latent_d"])
    assert torch.allclose(image, vectors["decoded_d"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("norm", ["instance", "position", "none"])
@pytest.mark.parametrize("latent", [None, 5])
def test_a_narrow_net_is_the_same_class_and_learns(norm: Norm, latent: int | None) -> None:
    torch.manual_seed(0)
    small = Autoencoder(width=8, norm=norm, latent=latent)
    x = torch.rand(2, 3, 16, 24) * 2 - 1
    code = small.encode(x)
    assert code.shape == (2, latent or 8, 4, 6)
    image = small.decode(code)
    assert image.shape == x.shape
    assert image.abs().max() <= 1
    image.square().mean().backward()
    assert all(parameter.grad is not None for parameter in small.parameters())
    has_norm_keys = "encoder.2.weight" in small.state_dict()
    assert has_norm_keys == (norm == "position")


def test_normalised_per_position_a_tile_is_what_the_whole_is_there() -> None:
    """Away from the tile's edge: the network sees no further than 79 pixels."""
    small = fill(Autoencoder(width=4, norm="position"))
    x = torch.rand(1, 3, 208, 208, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        whole, tile = small(x), small(x[:, :, :204, :204])
    assert torch.allclose(whole[:, :, :104, :104], tile[:, :, :104, :104], atol=1e-4)


@pytest.mark.parametrize("shape", [(1, 3, 18, 16), (1, 3, 4, 16), (1, 1, 16, 16)])
def test_bad_images_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadNetworkInput, match="image for the autoencoder"):
        Autoencoder(width=4).encode(torch.zeros(shape))


@pytest.mark.parametrize("shape", [(1, 3, 8, 8), (1, 4, 1, 8)])
def test_bad_latents_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(BadNetworkInput, match="latent for the autoencoder"):
        Autoencoder(width=4).decode(torch.zeros(shape))
