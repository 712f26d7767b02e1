"""Every operation of a transformer, written out by hand: FLOPs, and passes over memory times bytes, phase by phase.

One line an operation and setting. A pass over memory is named by what it reads or writes; its bytes are those of one
element, or a: as many as a recipe gives an activation. Each line is held against the workload in two recipes, and every
operation that the workload has is on some line.
"""

import dataclasses
from dataclasses import dataclass, field

import pytest
from builders import FLASH, UNFUSED, gpt

from sim.catalog import load_recipe
from sim.scenario.types import Lora
from sim.workload.layer import embedding_operations, head_operations, layer_operations
from sim.workload.operations import Slice, rerun_kernels, total

# Sizes that no two of are alike. Of one rank: 3 query heads and 1 key head of 10 each.
s, b, t, h, heads, kv_heads, d, f, V = 48, 3, 2, 40, 6, 2, 10, 56, 1002
T, q, k = s * b, heads * d // t, kv_heads * d // t
V_PADDED = 1024
r, r_h = 5, Lora(5, ("query", "key", "value", "output", "mlp"))

a = 1j
"""Bytes of one activation, counted apart from those that are so many in every recipe."""

SIZES = {"heads": heads, "kv_heads": kv_heads, "head_dim": d, "ffn_hidden": f, "vocab": V}
NO_BIAS = {"attention_bias": False, "mlp_bias": False}
EAGER, EAGER_FLASH = (
    dataclasses.replace(one, fused_elementwise=False, rms_norm="single", fused_gating=False) for one in (UNFUSED, FLASH)
)
WHOLE_SQUARE = dataclasses.replace(FLASH, causal_skip=False)
FRESH = dataclasses.replace(FLASH, weight_gradient_bytes=2.0)
SUMMED = dataclasses.replace(FRESH, gradient_add_bytes=10.0)
PADDED = dataclasses.replace(FLASH, vocabulary_multiple=128)
TWICE = dataclasses.replace(FLASH, activation_passes=2.0)


def found(line, recipe):
    """The operation of a line as the workload has it."""
    model, style = gpt(1, h, **{**SIZES, **line.model}), dataclasses.replace(line.style, recipe=recipe)
    return operations(model, style, line.lora, line.sequence_parallel)[line.name]


def operations(model, style, lora=None, sequence_parallel=False):
    """All operations of a layer, the head and the embedding, by name."""
    part = Slice(s, b, t, sequence_parallel, style.activation_bytes)
    every = (
        *layer_operations(model, part, style, lora),
        *head_operations(model, part, style, lora),
        *embedding_operations(model, part, style, lora),
    )
    assert len({one.name for one in every}) == len(every)
    return {one.name: one for one in every}


@dataclass(frozen=True)
class Phase:
    """What one phase asks for. passes: what is read or written -> its bytes over all elements.

    flops: executed; needed, counted: by the mathematics, and with attention over the full square. shapes: of its matrix
    products, (m, n, k) of (m, k) x (k, n), and how many of each at once.
    """

    passes: dict = field(default_factory=dict)
    flops: float = 0.0
    needed: float | None = None
    counted: float | None = None
    shapes: tuple = ()

    def sizes(self, width):
        """All of it, where an activation has so many bytes."""
        needed = self.flops if self.needed is None else self.needed
        counted = self.flops if self.counted is None else self.counted
        return {
            "traffic_bytes": sum(size.real + size.imag * width for size in self.passes.values()),
            "flops": self.flops,
            "useful_flops": needed,
            "counted_flops": counted,
        }


NOTHING = Phase()


@dataclass(frozen=True)
class Line:
    """One operation in one setting. A weight gradient of None is made by the kernel of the input gradient."""

    name: str
    when: str
    source: str
    forward: Phase
    input_gradient: Phase
    weight_gradient: Phase = NOTHING
    model: dict = field(default_factory=dict)
    style: object = FLASH
    lora: object = None
    sequence_parallel: bool = False


def per(elements, **passes):
    """Passes over so many elements, each with its bytes per element."""
    return Phase({what: elements * width for what, width in passes.items()})


def linear(name, when, rows, inputs, outputs, *, bias=False, accumulated=8, frozen=False, share=1.0, **setting):
    """y = x W with y' for the gradient of y: 2 rows inputs outputs FLOPs in each phase, operands in 2 bytes.

    accumulated: bytes for each weight's gradient, 8 where an fp32 buffer is read and written. share: counted as needed.
    """
    x, y, w = rows * inputs, rows * outputs, inputs * outputs
    flops = 2 * rows * inputs * outputs
    shared = {"needed": share * flops, "counted": share * flops}
    bias_passes = {"read y' again": a * y} if bias else {}
    weight_passes = {"read x": a * x, "read y'": a * y, "gradient of W": accumulated * w, **bias_passes}
    there, back, of_weight = (
        (sizes, 1) for sizes in ((rows, outputs, inputs), (rows, inputs, outputs), (inputs, outputs, rows))
    )
    return Line(
        name,
        when,
        "Narayanan et al. 2021, appendix; operands once, as in the roofline (Williams et al. 2009)",
        Phase({"read x": a * x, "read W": a * w, "write y": a * y}, flops, **shared, shapes=(there,)),
        Phase({"read y'": a * y, "read W": a * w, "write x'": a * x}, flops, **shared, shapes=(back,)),
        NOTHING if frozen else Phase(weight_passes, flops, **shared, shapes=(of_weight,)),
        **setting,
    )


SQUARE = 4 * b * s * s * q
"""FLOPs of scores and context over the full square: two products of 2 s^2 d for each head."""
SCORES = b * (heads // t) * s * s


def fused_attention(when, style, executed, needed=1 / 2, counted=1.0, **model):
    """Fused attention that computes a share of the square, and in its backward the scores again: 5 products, not 4."""
    forward = {"read queries": a * T * q, "read keys, values": 2 * a * T * k, "write output": a * T * q}
    return Line(
        "attention",
        when,
        "Dao et al. 2022, sec. 3; Dao 2023 (FlashAttention-2), sec. 4.1",
        Phase(forward, executed * SQUARE, needed * SQUARE, counted * SQUARE),
        Phase(
            {
                "what its kernel moves": 2.5 * sum(forward.values()),
                "row sums: read output, its gradient": 2 * a * T * q,
                "gradient of queries in fp32: clear, add": (4 + 4) * T * q,
                "its cast: read, write": (4 + a) * T * q,
                "pack gradient of queries: read, write": 2 * a * T * q,
                "pack those of keys, values: read, write": 2 * 2 * a * T * k,
            },
            2.5 * executed * SQUARE,
            2 * needed * SQUARE,
            2 * counted * SQUARE,
        ),
        style=style,
        model=model,
    )


def attention_with_scores(when, style, forward, backward, needed=1 / 2, counted=1.0, **model):
    """Attention with the scores in memory. forward, backward: passes between the products, bytes per score."""
    operand = a * b * (heads // t) * s * d
    scores, context = (((s, *sizes), b * heads // t) for sizes in ((s, d), (d, s)))
    # Of scores, values, queries and keys.
    gradients = (scores, context, context, context)
    counts, twice = ([times * share * SQUARE for share in (needed, counted)] for times in (1, 2))

    def products(number):
        return {f"product {n}: read, read, write": 2 * operand + a * SCORES for n in range(number)}

    return Line(
        "attention",
        when,
        "Korthikanti et al. 2022, fig. 3 and sec. 4.1",
        Phase({**products(2), **per(SCORES, **forward).passes}, SQUARE, *counts, (scores, context)),
        Phase({**products(4), **per(SCORES, **backward).passes}, 2 * SQUARE, *twice, gradients),
        style=style,
        model=model,
    )


SOFTMAX = {"read": a, "write": a}
SOFTMAX_BACK = {"read y": a, "read y'": a, "write x'": a}
DROPOUT = {"dropout read": a, "dropout write": a, "dropout mask": 1}
EAGER_SOFTMAX = {"scale read": a, "masked write": 4, "softmax read": 4, "softmax write": 4, "cast write": a}
EAGER_SOFTMAX_BACK = {"read y": a, "read y'": a, "write in fp32": 4, "scale and mask read": 4, "write x'": a}

NORM = {"for the mean and variance: x": a, "read x": a, "write y": a}
NORM_BACK = {
    "for two sums over a row: x": a, "for two sums over a row: y'": a, "read x": a, "read y'": a, "write x'": a,
    "for the weight: x": a, "for the weight: y'": a,
}  # fmt: skip
FUSED_RMS = {"read x": a, "write y": a}
FUSED_RMS_BACK = {"read x": a, "read y'": a, "write x'": a, "for the weight: x": a, "for the weight: y'": a}
EAGER_RMS = {
    "cast read": a, "cast write": 4, "square read": 4, "square write": 4, "mean read": 4, "product read": 4,
    "product write": 4, "cast back read": 4, "cast back write": a, "by weight read": a, "by weight write": a,
}  # fmt: skip
EAGER_RMS_BACK = {f"{pass_} {again}": width for pass_, width in EAGER_RMS.items() for again in ("once", "again")}
RMS = {"norm": "rmsnorm", "norm_bias": False}

ROTATION = {"read": a, "write": a}
EAGER_ROTATION = {
    "swap read": a, "swap write": a, "by cosine read": a, "by cosine write": a, "by sine read": a, "by sine write": a,
    "sum read one": a, "sum read other": a, "sum write": a,
}  # fmt: skip
EAGER_ROTATION_BACK = {
    "read y' for the cosine": a, "write x' of the cosine": a, "read y' for the sine": a, "write swapped'": a,
    "turn the sign of half: read": a / 2, "turn the sign of half: write": a / 2,
    "zeros for each half": 2 * a, "read both halves": a, "write both halves": a,
    "add halves: read": 2 * a, "add halves: write": a, "add the cosine's: read": 2 * a, "add the cosine's: write": a,
}  # fmt: skip

# 10 of 48 tokens: 1 + ... + 9 keys, then 39 times 10.
WINDOW = {"window": 10, "needed": (45 + 39 * 10) / 48**2, "counted": 10 / 48}
CAP = {"by constant read": a, "write": a, "tanh read": a, "tanh write": a, "times read": a, "times write": a}
CAP_BACK = {
    "times: read y'": a, "times: write x'": a, "tanh: read y": a, "tanh: read y'": a, "tanh: write x'": a,
    "by constant: read y'": a, "by constant: write x'": a,
}  # fmt: skip
JOIN = {"read branch": a, "read residual": a, "write sum": a}
JOIN_BACK = {"read gradient of branch": a, "read gradient of residual": a, "write sum": a}


def norm(name, when, forward, backward, elements, **setting):
    source = "one kernel: Apex FusedLayerNorm; eager: Llama's RMSNorm.forward, kernel by kernel"
    return Line(name, when, source, per(elements, **forward), per(elements, **backward), **setting)


def join(name, when, forward, backward, elements=T * h, **setting):
    source = "Korthikanti et al. 2022, sec. 4.1: dropout keeps a mask of one byte"
    return Line(name, when, source, per(elements, **forward), per(elements, **backward), **setting)


def rotary(when, forward, backward, **setting):
    source = "Su et al. 2021 (RoFormer), eq. 34; eager: the gradients of apply_rotary_pos_emb, kernel by kernel"
    model = {"position": "rotary"}
    elements = T * (q + k)
    return Line("rotary", when, source, per(elements, **forward), per(elements, **backward), model=model, **setting)


def activation(when, forward, backward, elements=T * f // t, **setting):
    source = "Shazeer 2020 for gated ones; Korthikanti et al. 2022, sec. 4.1"
    return Line("activation", when, source, per(elements, **forward), per(elements, **backward), **setting)


def embedding(when, forward, backward, elements=T * h, weight=NOTHING, **setting):
    source = "a gather of rows and a scatter-add, Vaswani et al. 2017, sec. 3.4"
    return Line("embedding", when, source, per(elements, **forward), per(elements, **backward), weight, **setting)


def loss(when, logits, **setting):
    """60 bytes a logit of the style, half of them in the forward."""
    source = "per stack, loss_traffic_bytes"
    return Line("loss", when, source, per(logits, half=30), per(logits, half=30), **setting)


def adapter(name, inputs, outputs):
    """A product to the rank, one from it, and the sum with what the frozen weight gives. Its gradient is there."""
    two = (
        linear(f"{name} adapter A", "LoRA", T, inputs, r, lora=r_h),
        linear(f"{name} adapter B", "LoRA", T, r, outputs, lora=r_h),
    )
    sums = per(T * outputs, **{"read one": a, "read other": a, "write sum": a})
    return (*two, Line(f"{name} adapter join", "LoRA", "Hu et al. 2021, sec. 4.1", sums, NOTHING, lora=r_h))


GATED = {"gated_mlp": True}
DROPPED, KEPT = {"dropout": True}, {"dropout": False}
DROP = {"dropout mask": 1}
EAGER_DROP = {"dropout read": a, "dropout write": a, "dropout mask": 1}

TABLE = (
    linear("qkv", "bias", T, h, q + 2 * k, bias=True),
    linear("qkv", "no bias", T, h, q + 2 * k, model=NO_BIAS),
    linear("qkv", "gradient written afresh", T, h, q + 2 * k, bias=True, accumulated=2, style=FRESH),
    linear("qkv", "written afresh, summed apart: 2 + 10", T, h, q + 2 * k, bias=True, accumulated=12, style=SUMMED),
    linear("qkv", "frozen", T, h, q + 2 * k, frozen=True, lora=r_h),
    linear("qkv", "fewer key heads than ranks", T, h, q + 2 * d, bias=True, model={"kv_heads": 1}),
    linear("attention output", "bias", T, q, h, bias=True),
    linear("attention output", "no bias", T, q, h, model=NO_BIAS),
    linear("attention output", "frozen", T, q, h, frozen=True, lora=r_h),
    linear("mlp in", "bias", T, h, f // t, bias=True),
    linear("mlp in", "no bias", T, h, f // t, model=NO_BIAS),
    linear("mlp in", "gated", T, h, 2 * f // t, bias=True, model=GATED),
    linear("mlp in", "frozen", T, h, f // t, frozen=True, lora=r_h),
    linear("mlp out", "bias", T, f // t, h, bias=True),
    linear("mlp out", "no bias", T, f // t, h, model=NO_BIAS),
    linear("mlp out", "gated", T, f // t, h, bias=True, model=GATED),
    linear("mlp out", "frozen", T, f // t, h, frozen=True, lora=r_h),
    linear("relative positions", "of one sequence, none counted", s, h, q, share=0, model={"position": "relative"}),
    fused_attention("the masked half left out", FLASH, 1 / 2),
    fused_attention("the whole square", WHOLE_SQUARE, 1),
    attention_with_scores("fused softmax", UNFUSED, SOFTMAX, SOFTMAX_BACK, **KEPT),
    attention_with_scores("fused, dropout", UNFUSED, SOFTMAX | DROPOUT, SOFTMAX_BACK | DROPOUT, **DROPPED),
    attention_with_scores("eager softmax", EAGER, EAGER_SOFTMAX, EAGER_SOFTMAX_BACK, **KEPT),
    attention_with_scores("eager, dropout", EAGER, EAGER_SOFTMAX | DROPOUT, EAGER_SOFTMAX_BACK | DROPOUT, **DROPPED),
    fused_attention("a window, in blocks as large as all", FLASH, 1 / 2, **WINDOW),
    fused_attention("a window, the whole square", WHOLE_SQUARE, 1, **WINDOW),
    attention_with_scores("a window", UNFUSED, SOFTMAX, SOFTMAX_BACK, **KEPT, **WINDOW),
    attention_with_scores("capped, fused", UNFUSED, SOFTMAX, SOFTMAX_BACK, **KEPT, attention_softcap=True),
    attention_with_scores(
        "capped, eager", EAGER, EAGER_SOFTMAX | CAP, EAGER_SOFTMAX_BACK | CAP_BACK, **KEPT, attention_softcap=True
    ),
    norm("norm 0", "layer norm", NORM, NORM_BACK, T * h),
    norm("query and key norm", "layer norm", NORM, NORM_BACK, T * (q + k), model={"query_key_norm": "head"}),
    norm(
        "query and key norm",
        "rms norm, fused",
        FUSED_RMS,
        FUSED_RMS_BACK,
        T * (q + k),
        model={**RMS, "query_key_norm": "heads"},
    ),
    norm("norm 3", "sandwich", NORM, NORM_BACK, T * h, model={"norms_per_layer": 4}),
    norm("soft cap", "fused", SOFTMAX, SOFTMAX_BACK, T * V // t, model={"logit_softcap": True}),
    norm("soft cap", "eager", CAP, CAP_BACK, T * V // t, model={"logit_softcap": True}, style=EAGER_FLASH),
    norm("norm 0", "layer norm, eager: one kernel too", NORM, NORM_BACK, T * h, style=EAGER_FLASH),
    norm("norm 0", "sequence parallel", NORM, NORM_BACK, T * h / t, sequence_parallel=True),
    norm("norm 0", "twice the traffic", NORM, NORM_BACK, 2 * T * h, style=TWICE),
    norm("norm 2", "sandwich", NORM, NORM_BACK, T * h, model={"norms_per_layer": 4}),
    norm("norm 1", "rms norm", FUSED_RMS, FUSED_RMS_BACK, T * h, model=RMS),
    norm("norm 1", "rms norm, eager", EAGER_RMS, EAGER_RMS_BACK, T * h, model=RMS, style=EAGER_FLASH),
    norm("final norm", "layer norm", NORM, NORM_BACK, T * h),
    norm("final norm", "rms norm, eager", EAGER_RMS, EAGER_RMS_BACK, T * h, model=RMS, style=EAGER_FLASH),
    rotary("fused", ROTATION, ROTATION),
    rotary("eager", EAGER_ROTATION, EAGER_ROTATION_BACK, style=EAGER_FLASH),
    activation("plain", {"x": a, "y": a}, {"x": a, "y'": a, "x'": a}),
    activation("plain, eager", {"x": a, "y": a}, {"x": a, "y'": a, "x'": a}, style=EAGER_FLASH),
    activation("gated", {"a": a, "b": a, "y": a}, {"a": a, "b": a, "y'": a, "a'": a, "b'": a}, model=GATED),
    activation(
        "gated, eager: its product is a pass of its own",
        {"a": a, "g": a, "read g": a, "b": a, "y": a},
        {"g": a, "b": a, "y'": a, "g'": a, "b'": a, "a": a, "read g'": a, "a'": a},
        model=GATED,
        style=EAGER_FLASH,
    ),
    join("residual 0", "no dropout", JOIN, JOIN_BACK, model=KEPT),
    join("residual 1", "no dropout, eager", JOIN, JOIN_BACK, model=KEPT, style=EAGER_FLASH),
    join("residual 0", "dropout", JOIN | DROP, JOIN_BACK | EAGER_DROP, model=DROPPED),
    join("residual 1", "dropout, eager", JOIN | EAGER_DROP, JOIN_BACK | EAGER_DROP, model=DROPPED, style=EAGER_FLASH),
    join("residual 0", "scaled, fused", JOIN, JOIN_BACK, model={**KEPT, "scaled_residuals": True}),
    join(
        "residual 1",
        "scaled, eager",
        JOIN | {"scale read": a, "write": a},
        JOIN_BACK | {"scale read": a, "write": a},
        model={**KEPT, "scaled_residuals": True},
        style=EAGER_FLASH,
    ),
    join("residual 0", "sequence parallel", JOIN, JOIN_BACK, T * h / t, model=KEPT, sequence_parallel=True),
    join("residual 0", "parallel block", JOIN, JOIN_BACK, model={**KEPT, "parallel_block": True}),
    embedding(
        "learned positions",
        {"read row": a, "read position": a, "write": a},
        {"read gradient": a, "row's gradient read": a, "row's gradient write": a, "position's gradient": a},
    ),
    embedding(
        "no table of positions",
        {"read row": a, "write": a},
        {"read gradient": a, "row's gradient read": a, "row's gradient write": a},
        model={"position": "rotary"},
    ),
    embedding(
        "its whole gradient summed apart, used or not",
        {"read row": a, "read position": a, "write": a},
        {"read gradient": a, "row's gradient read": a, "row's gradient write": a, "position's gradient": a},
        weight=per(V * h / t, **{"read": 2, "read sum": 4, "write sum": 4}),
        style=SUMMED,
    ),
    embedding("frozen", {"read row": a, "read position": a, "write": a}, {}, lora=r_h),
    embedding(
        "sequence parallel",
        {"read row": a, "read position": a, "write": a},
        {"read gradient": a, "row's gradient read": a, "row's gradient write": a, "position's gradient": a},
        T * h / t,
        sequence_parallel=True,
    ),
    linear("vocabulary", "as it is", T, h, V // t),
    linear("vocabulary", "padded", T, h, V_PADDED // t, share=V / V_PADDED, style=PADDED),
    linear("vocabulary", "frozen", T, h, V // t, frozen=True, lora=r_h),
    loss("as it is", T * V // t),
    loss("padded", T * V_PADDED // t, style=PADDED),
    *adapter("query", h, heads * d // t),
    *adapter("key", h, kv_heads * d // t),
    *adapter("value", h, kv_heads * d // t),
    *adapter("output", heads * d // t, h),
    *adapter("mlp in", h, f // t),
    *adapter("mlp out", f // t, h),
)


@pytest.mark.parametrize("recipe", ["bf16", "fp32"])
@pytest.mark.parametrize("line", TABLE, ids=lambda line: f"{line.name}: {line.when}")
def test_an_operation_asks_for_what_is_written_here(line, recipe):
    width = {"bf16": 2, "fp32": 4}[recipe]
    one = found(line, load_recipe(recipe))
    assert line.source
    for phase in ("forward", "input_gradient", "weight_gradient"):
        expected = getattr(line, phase).sizes(width)
        if recipe == "fp32" and line.when.startswith("rms norm, eager"):
            # Nothing is cast there and back: less by 4 + a forward and twice that backward, for each of the two casts.
            expected["traffic_bytes"] -= T * h * {"forward": 16, "input_gradient": 32, "weight_gradient": 0}[phase]
        kernels = getattr(one, phase)
        assert {size: float(total(kernels, size)) for size in expected} == pytest.approx(expected), phase
        products = [kernel for kernel in kernels if kernel.kind == "gemm"]
        shapes = tuple(((kernel.m, kernel.n, kernel.k), kernel.batch) for kernel in products)
        assert shapes == getattr(line, phase).shapes, phase


def test_the_backward_of_fused_attention_is_a_kernel_of_its_own():
    one = operations(gpt(1, h, **SIZES), FLASH)["attention"]
    assert [(kernel.kind, kernel.backward) for kernel in one.forward] == [("attention", False)]
    assert [kernel.backward for kernel in one.backward if kernel.kind == "attention"] == [True]


def test_tensor_parallelism_cuts_the_outputs_of_two_projections_and_the_inputs_of_two():
    # Shoeybi et al. 2019, sec. 3: queries, keys, values and the MLP's inputs by columns, what follows each by rows.
    every = operations(gpt(1, h, **SIZES), FLASH)
    assert {name for name, one in every.items() if one.column_parallel} == {"qkv", "mlp in"}


SETTINGS = (
    ({}, UNFUSED, None),
    ({}, FLASH, r_h),
    ({"position": "rotary", **GATED, **RMS}, FLASH, None),
    ({"position": "relative"}, EAGER, None),
    ({"query_key_norm": "head", "logit_softcap": True, "norms_per_layer": 4}, FLASH, None),
)


@pytest.mark.parametrize(("model", "style", "lora"), SETTINGS)
def test_the_table_has_every_operation(model, style, lora):
    names = {line.name for line in TABLE}
    assert set(operations(gpt(1, h, **{**SIZES, **model}), style, lora)) <= names


# What recomputation runs again, as a share of each operation's forward. By operators every other product is kept:
# of queries, keys and values 3 + 1 of 5 heads' widths, the first of a gated MLP's two inputs, a plain one's only one.
AGAIN = (
    ("none", UNFUSED, {}, {}),
    ("selective", FLASH, {}, {}),
    ("selective", UNFUSED, {}, {"attention": 1}),
    ("full", FLASH, {}, {"qkv": 1, "attention": 1, "attention output": 1, "mlp in": 1, "mlp out": 1, "elementwise": 1}),
    (
        "full",
        dataclasses.replace(FLASH, recompute_stops_early=True),
        {},
        {"qkv": 1, "attention": 1, "attention output": 1, "mlp in": 1, "elementwise": 1, "residual 1": 0},
    ),
    (
        "selective",
        dataclasses.replace(FLASH, selective_recompute="operators"),
        GATED,
        {"qkv": 1 / 5, "attention output": 1, "mlp in": 1 / 2, "elementwise": 1},
    ),
    (
        "selective",
        dataclasses.replace(UNFUSED, selective_recompute="operators", recompute_stops_early=True),
        {},
        {"qkv": 1 / 5, "attention output": 1, "elementwise": 1, "residual 1": 0},
    ),
)
ELEMENTWISE = ("norm 0", "norm 1", "activation", "residual 0", "residual 1")


@pytest.mark.parametrize(("recompute", "style", "model", "shares"), AGAIN)
def test_recomputation_runs_again_what_is_written_here(recompute, style, model, shares):
    part = Slice(s, b, t)
    elementwise = dict.fromkeys(ELEMENTWISE, shares.get("elementwise", 0))
    expected = elementwise | {name: share for name, share in shares.items() if name != "elementwise"}
    for one in layer_operations(gpt(1, h, **{**SIZES, **model}), part, style):
        again = rerun_kernels(one, recompute, style)
        for size in ("flops", "traffic_bytes", "useful_flops", "counted_flops"):
            whole = float(total(one.forward, size))
            assert float(total(again, size)) == pytest.approx(expected.get(one.name, 0) * whole, rel=1e-12), one.name
