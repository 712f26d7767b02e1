"""Software stacks as typed records: what the software does with the hardware, in few constants."""

from __future__ import annotations

from dataclasses import Field, dataclass, field
from typing import Any, ClassVar, Literal, Protocol

from sim.catalog.figures import Figure
from sim.catalog.precision_records import Recipe

SelectiveRecompute = Literal["attention-core", "operators", "all but products"]
"""What selective recomputation runs again: the scores, all but attention and every other matrix product, or attention
and all that is no matrix product."""
GradientSum = Literal["product", "kernel", "cast and kernel", "autograd"]
"""What adds a micro-batch's gradient of a weight to those before: the product that makes it; a kernel of its own; a
cast to the buffer's format and then such a kernel; or autograd, whose kernel the first micro-batch does without."""
NormKernels = Literal["fused", "single", "apart"]
"""A norm as one kernel, as kernels in fp32 with casts around them, or as kernels in the activations' own format."""

AttentionOutputCopies = Literal["never", "batched", "always"]
"""When a fused attention's output is laid out anew for the projection and both are kept: sequences of a batch, which
the kernel wants one after the other, or every output, which is padded again."""

ScatterCopies = Literal["none", "sums", "all"]
"""Which scatters between tensor ranks a kernel lays out anew: none; sums of several products; or all."""

CudaGraph = Literal["none", "layer", "full"]
"""What a launch of the host replays: a kernel; a pass through a layer, forward or backward; all passes of a step."""


@dataclass(frozen=True, slots=True)
class GpuStack:
    """What a training software stack on GPUs does, with few constants."""

    name: str
    title: str
    flash_attention: bool
    attention_kernel: str
    """Which fused attention it calls; its efficiency is the device's. Unused where attention is not fused."""
    causal_skip: bool
    """The attention kernel skips the masked half of the scores."""
    window_skip: bool
    """It skips what lies outside a window as well; else a window is a mask, and the whole causal half is computed."""
    recompute_stops_early: bool
    """Recomputation ends with the last activation that the backward needs, not with the layer."""
    selective_recompute: SelectiveRecompute
    splits_kept_inputs: bool
    """Of a layer recomputed as a whole, a tensor rank keeps its share of the input, gathered for the backward."""
    fused_elementwise: bool
    """Bias, activation, dropout and residual run as one kernel; mask and softmax as one."""
    layer_norm: NormKernels
    rms_norm: NormKernels
    fused_gating: bool
    """The activation of a gated MLP and its product with the other input run as one kernel, and what is between them
    is not kept."""
    attention_output_copies: AttentionOutputCopies
    host_launch_s: float
    """Host time to launch one kernel of a forward; where kernels are shorter, the host is the clock."""
    launch_gap_s: float
    """Time that the device idles at every launch beside its own gap between kernels: none where the host runs ahead."""
    host_backward_launch_s: float
    """The same for a backward, whose kernels no interpreted code launches."""
    vocabulary_multiple: int
    """The vocabulary is padded to a multiple of this and of the tensor degree; 1: as it is."""
    activation_passes: float
    """Traffic of norms, residuals, activation functions and rotations over what they need in half precision: casts,
    single precision and kernels apart are more than 1."""
    recipes: dict[str, Recipe]
    """The formats that it trains in, by precision."""
    overlap_gradient_reduction: bool
    overlap_parameter_gather: bool
    """Parameters of a sharded optimizer are gathered bucket by bucket beside the next step's first forward."""
    gradient_bucket_bytes: float
    overlap_pipeline_send: bool
    scatter_pipeline_send: bool
    """Each tensor rank sends its share of the activation across the network, gathered behind the fast links."""
    tensor_parallel: bool
    pipeline_parallel: bool
    schedules: tuple[str, ...]
    """Pipeline schedules that it can run; see sim/parallel/schedules."""
    rank_order: str
    """Kinds of parallelism, innermost first; see sim/parallel/mesh.py."""
    sequence_parallel: bool
    default_zero_stage: int
    zero_stages: tuple[int, ...]
    zero_groups: bool
    """States can be shared out among groups of the replicas instead of all of them."""
    scatter_gradients: bool
    """Replicas that share out states get their part of the gradients alone; else each gets the sum of all of them."""
    whole_tensor_shards: bool
    """Shares of optimizer states (ZeRO 1 and 2) are whole tensors: their owners broadcast the parameters, one after
    the other; else all gather all shares at once."""
    tensor_gathers: bool
    """ZeRO 3 gathers and scatters every tensor in a collective of its own; else all of a layer at once."""
    list_operations: float
    """Operations of the host for every rank in a gather or scatter of sharded parameters: views and copies of a list
    with a tensor for each rank, while the device waits."""
    overlap_tensor_gradients: bool
    """The reduction of a projection's input gradient over the tensor ranks runs beside its weight gradient."""
    overlap_tensor_exchange: bool
    """Tensor-parallel gathers and scatters run rank by rank beside the matrix products that they feed or follow."""
    prefetch_layers: int
    """How many layers ahead FSDP gathers parameters."""
    holds_whole_layers: bool
    """What FSDP gathers it holds layer by layer, and embedding and head all along; else tensor by tensor."""
    limited_gathers: bool
    """The host waits before it asks for memory for more gathered layers; else it does so as far as it runs ahead."""
    reduces_every_micro_batch: bool
    """FSDP reduce-scatters after every micro-batch instead of accumulating locally."""
    gradient_sum: GradientSum
    """Of gradients that do not leave after every micro-batch."""
    gradient_cast_bytes: float
    """Memory traffic per parameter to cast a gradient to the type it is reduced in, each time it is reduced."""
    divides_gradients: bool
    """A pass of its own divides gradients by the number of replicas; else the loss is."""
    sums_groups_last: bool
    """Of states shared out among groups of the replicas, ZeRO 3 sums gradients over the groups once, after the last
    backward, while nothing computes; else of every layer, beside the backward."""
    overlap_slowdown: float
    """Share by which compute slows down while a collective runs beside it (stolen multiprocessors)."""
    optimizer_traffic_bytes: dict[str, float]
    """Memory traffic of one optimizer step per parameter held, by optimizer."""
    step_temporaries: float
    """Tensors as wide as a moment that the optimizer's step makes of all the parameters that a device updates."""
    optimizer_launches: float
    optimizer_unit_launches: float
    """Launches of the optimizer's step beside those, for every unit that FSDP shards: none where kernels take many."""
    fixed_step_s: float
    """Host work once a step (logging, data loader hand-over, loss scale)."""
    loss_traffic_bytes: float
    """Memory traffic of the loss, forward and backward together, per logit."""
    logit_memory_bytes: float
    """Memory per logit where the loss is at its fullest."""
    split_logit_memory_bytes: float
    """What comes on top of that where tensor ranks share the vocabulary."""
    gradient_placeholders: bool
    """Kernels that add to the gradient buffer hand the framework empty gradients; one of each shape is kept."""
    launch_factor: float
    """Kernels that the framework launches for each one counted here (casts, copies, reductions)."""
    fragmentation: float
    """What the allocator reserves beyond what is allocated at the peak, as a share of it."""
    context_bytes: float
    """Memory that the context of the runtime and its kernels hold."""
    communicator_bytes: float
    """Memory that each communicator of the communication library holds: buffers of its channels."""
    cuda_graph: CudaGraph = "none"
    graph_launch_s: float = 0.0
    """Host time to launch a graph of kernels, with what the framework does around it."""
    graph_gap_s: float = 0.0
    """Idle time of the device between two kernels of a graph, instead of its gap and the stack's between launches."""
    scatter_pieces: float = 0.0
    """Pieces in which a product and the scatter of its result run beside each other, while scatters of input gradients
    run whole beside weight gradients; 0: as many for both as there are tensor ranks."""
    complex_rotary: bool = False
    """Rotations are products of complex numbers, kernels of their own between casts to single precision and back."""
    repeats_keys: bool = False
    """Keys and values are copied for every head that shares them before a fused attention."""
    copies_exchanges: bool = False
    """What tensor ranks gather and scatter by parts of every sequence, a kernel lays out by ranks or back."""
    fused_exchanges: bool = False
    """Overlapped exchanges are each fused with one product: the gradient of an input of several products is scattered
    after them, and what a scatter sums up is added by a kernel of its own; else all overlap with all products."""
    options: dict[str, str] = field(default_factory=dict)
    """What can be switched of it, by the key of a scenario (with the choice, where it is no switch) -> what the
    framework calls that; empty for what the base has and this stack lacks."""
    offloads_activations: bool = False
    """Activations of some layers can wait for their backward in the host's memory."""
    host_update_bytes: float = 0.0
    """Traffic of the host's memory per parameter of an optimizer's step that runs there; 0: it cannot."""
    host_update_efficiency: float = 1.0
    """Share of the rate of the host's memory that such a step reaches."""
    host_gradient_bytes: float = 0.0
    """Bytes of a gradient on its way to such a step."""
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class WaferStack:
    """The weight-streaming software of a wafer, with few constants."""

    name: str
    title: str
    array_ceiling: float
    """Share of peak that wide layers reach."""
    array_half_width: float
    """Width h0 at which a layer reaches half of the ceiling: efficiency is ceiling / (1 + (h0 / h)^3)."""
    layer_turn_s: float
    """What every turn of a layer (forward, backward, forward again) takes beside its FLOPs."""
    recomputes_layers: bool
    """Backward runs the layer's forward again, instead of fetching activations that were moved off the wafer."""
    step_fixed_s: float
    """Time at the step boundary: the optimizer's latency in the weight store."""
    weight_bytes: float
    """Bytes per parameter on the wire, per pass."""
    gradient_bytes: float
    activation_bytes: float
    """Bytes per activation element that stays in the wafer's memory."""
    options: dict[str, str] = field(default_factory=dict)
    """As of a GPU's stack."""
    figures: tuple[Figure, ...] = field(default=(), compare=False, repr=False)


class Stack(Protocol):
    """What every software stack says of itself, whatever machines it is for."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def options(self) -> dict[str, str]: ...
    @property
    def figures(self) -> tuple[Figure, ...]: ...
