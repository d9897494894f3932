"""The partial non-local block written plainly, with its N x N matrices: what ours must equal."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.damage.attention import PartialNonLocal, validity


def dense_partial_attention(query: Tensor, key: Tensor, value: Tensor, valid: Tensor) -> Tensor:
    """`models.damage.attention.partial_attention` by its definition: BxNxC and BxN to BxNxC."""
    similar = torch.softmax(query @ key.transpose(1, 2), dim=2)
    similar = functional.normalize(similar * valid[:, None, :], p=1, dim=2, eps=1e-12)
    return similar @ value


class DenseNonLocal(PartialNonLocal):
    """The block with everything computed everywhere; same keys."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        valid = validity(mask, x.shape[2], x.shape[3]).to(x.dtype)
        query, key, value = (
            layer(x).flatten(2).transpose(1, 2) for layer in (self.theta, self.phi, self.g)
        )
        y = dense_partial_attention(query, key, value, valid.flatten(1))
        y = self.res_block(self.W(y.transpose(1, 2).reshape(x.shape).contiguous()))
        return valid * x + (1 - valid) * y


def dense_twin(block: PartialNonLocal) -> nn.Module:
    """A `DenseNonLocal` with the weights of `block`."""
    twin = DenseNonLocal(block.g.in_channels)
    twin.load_state_dict(block.state_dict())
    return twin.eval()
