"""Published facts as data files, each figure with its source."""

from sim.catalog.accuracy import Accuracy, accuracy_stacks, load_accuracy
from sim.catalog.device_economics import Economics, Facility, Price, Range, economics_of, load_facility
from sim.catalog.figures import Figure
from sim.catalog.law_records import DEFAULT_LAW, ComputeLaw, Law, ParametricLaw, law_names, load_law
from sim.catalog.loader import (
    check_source,
    device_names,
    library_names,
    load_device,
    load_library,
    load_model,
    load_sources,
    load_stack,
    load_variation,
    model_names,
    stack_names,
    variation_names,
)
from sim.catalog.own_device import read_device
from sim.catalog.plan_spreads import PlanSpread, plan_spreads
from sim.catalog.records import (
    PLAIN_LIBRARY,
    Device,
    Gpu,
    Library,
    Model,
    Protocol,
    Slow,
    SlowPlace,
    Stalls,
    Variation,
    Wafer,
)
from sim.catalog.reliability_profiles import Reliability, load_reliability, reliability_names, reliability_of
from sim.catalog.stack_records import GpuStack, Stack, WaferStack
from sim.catalog.undisclosed import Undisclosed, undisclosed_models

__all__ = [
    "DEFAULT_LAW",
    "PLAIN_LIBRARY",
    "Accuracy",
    "ComputeLaw",
    "Device",
    "Economics",
    "Facility",
    "Figure",
    "Gpu",
    "GpuStack",
    "Law",
    "Library",
    "Model",
    "ParametricLaw",
    "PlanSpread",
    "Price",
    "Protocol",
    "Range",
    "Reliability",
    "Slow",
    "SlowPlace",
    "Stack",
    "Stalls",
    "Undisclosed",
    "Variation",
    "Wafer",
    "WaferStack",
    "accuracy_stacks",
    "check_source",
    "device_names",
    "economics_of",
    "law_names",
    "library_names",
    "load_accuracy",
    "load_device",
    "load_facility",
    "load_law",
    "load_library",
    "load_model",
    "load_reliability",
    "load_sources",
    "load_stack",
    "load_variation",
    "model_names",
    "plan_spreads",
    "read_device",
    "reliability_names",
    "reliability_of",
    "stack_names",
    "undisclosed_models",
    "variation_names",
]
