"""The client without async: `gaios.sync.connect`.

    with gaios.sync.connect("127.0.0.1:7420,127.0.0.1:7421") as cell:
        cell.put("greeting", "hello")

A door to `gaios.client.sync`, which is loaded when a name is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gaios.client.sync import Cell, connect

__all__ = ["Cell", "connect"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever stands at that name)
    """Load a public name at its first use."""
    if name not in __all__:
        message = f"module 'gaios.sync' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module("gaios.client.sync"), name)
    globals()[name] = value
    return value
