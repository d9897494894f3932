import pytest
import torch
from torch import Tensor, nn

from models.damage.direct import DirectNet
from models.damage.mapping import PatchMapping, QualityMapping, ScratchMapping
from models.damage.translator import DirectTranslator, LatentTranslator
from models.damage.vae import Autoencoder
from models.layers import Norm

CPU = torch.device("cpu")


def latent(norm: Norm = "position", mapping: nn.Module | None = None) -> LatentTranslator:
    torch.manual_seed(0)
    return LatentTranslator(
        Autoencoder(8, norm),
        mapping or ScratchMapping(8, 16, norm, blocks=1),
        Autoencoder(8, norm),
        CPU,
        precision="float32",
    )


def picture(batch: int = 1, side: int = 64, seed: int = 0) -> Tensor:
    return torch.rand(batch, 3, side, side, generator=torch.Generator().manual_seed(seed))


def test_the_latent_translation_is_the_published_chain() -> None:
    old, clean = Autoencoder(8, "position"), Autoencoder(8, "position")
    mapping = ScratchMapping(8, 16, "position", blocks=1)
    made = LatentTranslator(old, mapping, clean, CPU, precision="float32", weights={"a": "b"})
    image, mask = picture(2), torch.zeros(2, 1, 64, 64)
    mask[..., 20:30, 5:50] = 1
    answer = made(image, mask)
    with torch.inference_mode():
        code = old.encode(torch.where(mask > 0, 1.0, 2 * image - 1))
        assert torch.allclose(answer.reference, (old.decode(code) + 1) / 2, atol=1e-6)
        restored = (clean.decode(mapping(code, mask)) + 1) / 2
    assert torch.allclose(answer.restored, restored, atol=1e-6)
    assert torch.equal(made.draw(image, mask), answer.restored)
    assert made.weights == {"a": "b"}


def test_what_lies_under_the_mask_is_not_looked_at() -> None:
    image, mask = picture(), torch.zeros(1, 1, 64, 64)
    mask[..., 20:30, 5:50] = 1
    other = torch.where(mask > 0, 1 - image, image)
    network = DirectNet(4, 1)
    nn.init.normal_(network.last.weight, std=0.1)
    for made in (latent(), DirectTranslator(network, CPU, precision="float32")):
        assert torch.equal(made.draw(image, mask), made.draw(other, mask))
        assert not torch.equal(made.draw(image, 0 * mask), made.draw(other, 0 * mask))


def test_a_direct_network_refers_to_the_image_itself() -> None:
    made = DirectTranslator(DirectNet(4, 1), CPU, precision="float32")
    image = picture()
    answer = made(image, torch.zeros(1, 1, 64, 64))
    assert torch.equal(answer.reference, image)
    assert torch.equal(answer.restored, image)  # untrained, it changes nothing
    with made.pooled(image, torch.zeros(1, 1, 64, 64)):
        assert torch.equal(made.draw(image, torch.zeros(1, 1, 64, 64)), image)


@pytest.mark.parametrize(
    ("mapping", "multiple"),
    [
        (QualityMapping(8, 16, "instance", blocks=1), 4),
        (ScratchMapping(8, 16, "instance", blocks=1), 4),
        (PatchMapping(8, 16, "instance"), 32),
    ],
)
def test_every_mapping_says_what_sides_it_takes(mapping: nn.Module, multiple: int) -> None:
    made = latent("instance", mapping)
    assert made.multiple == multiple and made.least >= 32
    side = -(-made.least // multiple) * multiple
    mask = torch.zeros(1, 1, side, side)
    mask[..., :3, :3] = 1
    assert made.draw(picture(1, side), mask).shape == (1, 3, side, side)
    # Nothing but damage: it has nothing to go by, and still no error ends the scan.
    assert torch.isfinite(made.draw(picture(1, side), torch.ones_like(mask))).all()
    # Nor does a tile of which next to nothing is left, beside one that is sound.
    nearly = torch.ones(2, 1, side, side)
    nearly[0, :, 0, 0], nearly[1] = 0, mask[0]
    answer = made.draw(picture(2, side), nearly)
    assert torch.isfinite(answer).all()
    assert torch.allclose(answer[1:], made.draw(picture(2, side)[1:], mask), atol=1e-5)


def test_tiles_of_one_scan_share_their_statistics() -> None:
    made = latent("instance")
    light, dark = 0.6 + 0.4 * picture(1, seed=1), 0.2 * picture(1, seed=2)
    none = torch.zeros(1, 1, 64, 64)
    alone = made(dark, none).restored
    with made.pooled(torch.cat([light, dark]), torch.zeros(2, 1, 64, 64)):
        pooled = made(dark, none).restored
        assert torch.allclose(made(dark, none).restored, pooled)
        beside = made(torch.cat([dark, light]), torch.zeros(2, 1, 64, 64)).restored[:1]
        assert torch.allclose(beside, pooled, atol=1e-5)
        # By its own statistics a tile's brightness is lost; by the scan's it shows.
        assert not torch.allclose(made(light, none).restored.mean(), pooled.mean(), atol=1e-3)
    assert not torch.allclose(alone, pooled, atol=1e-3)
    assert torch.allclose(made(dark, none).restored, alone, atol=1e-6)  # forgotten at the end
