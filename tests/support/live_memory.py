"""How many bytes of tensors live at once while something runs: counted, not sampled."""

from __future__ import annotations

from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class LiveBytes(TorchDispatchMode):
    """Inside, `peak` is the most bytes of tensors made inside that were alive together, and
    `largest` the most elements of a single one. What an operation uses inside itself is not seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self.largest = 0
        self._alive: dict[int, tuple[StorageWeakRef, int]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self._alive = {
            key: (ref, size) for key, (ref, size) in self._alive.items() if not ref.expired()
        }
        given = {
            one.untyped_storage()._cdata
            for one in tree_iter((args, kwargs))
            if isinstance(one, torch.Tensor)
        }
        for one in tree_iter(result):
            if isinstance(one, torch.Tensor):
                storage = one.untyped_storage()
                self.largest = max(self.largest, one.numel())
                if storage._cdata not in given:
                    self._alive[storage._cdata] = (StorageWeakRef(storage), storage.nbytes())
        self.peak = max(self.peak, sum(size for _, size in self._alive.values()))
        return result
