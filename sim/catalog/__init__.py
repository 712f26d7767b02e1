"""Published facts as data files, each figure with its source."""

from sim.catalog.figures import Figure
from sim.catalog.loader import (
    device_names,
    load_device,
    load_model,
    load_sources,
    load_stack,
    model_names,
    stack_names,
)
from sim.catalog.records import Device, Gpu, GpuStack, Model, Stack, Wafer, WaferStack

__all__ = [
    "Device",
    "Figure",
    "Gpu",
    "GpuStack",
    "Model",
    "Stack",
    "Wafer",
    "WaferStack",
    "device_names",
    "load_device",
    "load_model",
    "load_sources",
    "load_stack",
    "model_names",
    "stack_names",
]
