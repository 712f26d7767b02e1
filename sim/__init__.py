"""scaletax: what splitting a training run over many devices costs."""

__version__ = "0.1.0"
