"""Traces of one step for programs that others wrote: in the form of PyTorch's profiler, and in that of Chakra."""
