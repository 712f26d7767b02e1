"""Where the parts of a topology's picture stand, found from its graph alone; nothing is drawn here.

A network without switches becomes a grid where it has several levels, as a torus has, and a circle otherwise. Any other
is laid in layers by the number of hops from the devices. A large one is cut down to what a few devices are joined to.
"""
