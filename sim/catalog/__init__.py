"""Published facts as data files, each figure with its source."""

from sim.catalog.figures import Figure
from sim.catalog.loader import (
    device_names,
    library_names,
    load_device,
    load_library,
    load_model,
    load_sources,
    load_stack,
    model_names,
    stack_names,
)
from sim.catalog.records import (
    PLAIN_LIBRARY,
    Device,
    Gpu,
    GpuStack,
    Library,
    Model,
    Protocol,
    Stack,
    Wafer,
    WaferStack,
)

__all__ = [
    "PLAIN_LIBRARY",
    "Device",
    "Figure",
    "Gpu",
    "GpuStack",
    "Library",
    "Model",
    "Protocol",
    "Stack",
    "Wafer",
    "WaferStack",
    "device_names",
    "library_names",
    "load_device",
    "load_library",
    "load_model",
    "load_sources",
    "load_stack",
    "model_names",
    "stack_names",
]
