"""Training in narrow formats, from a scenario to an outcome: what is refused, MFU, and when it does not pay."""

import dataclasses

import pytest
from builders import fixed, gpt, point, training

from sim.errors import InputError
from sim.machines.gpu import machines_of
from sim.prepare import prepare
from sim.scenario.types import RecipeRequest
from sim.simulate import simulate

MODEL = gpt(4, 8192, 64, vocab=32_000, max_sequence=2048)
SMALL = gpt(4, 256, 4, vocab=1024, max_sequence=2048)
PLAN = fixed(tensor=2, sequence_parallel=True)


def asking(precision="fp8", topology="dgx-h100-superpod", stack="megatron-core-2024", model=MODEL, plan=PLAN, **uses):
    recipe = dataclasses.replace(training(32, 2048), precision=precision, recipe=RecipeRequest(**uses))
    return point(model, 8, plan, recipe=recipe, stack=stack, topology=topology)


def refused(*given, **uses):
    with pytest.raises(InputError) as caught:
        prepare(asking(*given, **uses))
    return str(caught.value)


def test_what_a_device_lacks_is_refused_by_name():
    text = refused("fp8", "dgx-a100-superpod")
    assert "A100 80 GB SXM has no fp8 matrix arithmetic" in text
    assert "allowed on it: bf16, fp16, fp32, tf32" in text
    for precision in ("nvfp4", "mxfp8"):
        text = refused(precision)
        assert f"H100 80 GB SXM has no {precision} matrix arithmetic" in text
        assert "tf32, fp8" in text


def test_what_a_stack_lacks_is_refused_by_name():
    text = refused(stack="megatron-2022")
    assert "the stack 'megatron-2022' does not train in fp8" in text
    assert "megatron-core-2024" in text
    text = refused("mxfp8", "dgx-b200-superpod")
    assert "does not train in mxfp8" in text
    assert "allowed: bf16, fp16, fp32, tf32, fp8" in text
    assert "mxfp8-bridge" in text


def test_single_uses_that_cannot_be_are_refused():
    assert "nothing is cast for them" in refused("bf16", vocabulary="fp8")
    assert "goes with narrow products" in refused("bf16", attention="fp8")
    assert "write bf16 or fp8" in refused(weights="mxfp8")
    assert "3 layers at the start and 2 at the end" in refused(first_bf16_layers=3, last_bf16_layers=2)
    # No figures of this attention in fp8.
    assert "does not run in fp8 on the NVIDIA H100" in refused(stack="torchtitan-2024", attention="fp8", plan=fixed())


def test_a_stacks_usual_recipe_and_single_uses():
    def recipe(**uses):
        return machines_of(prepare(asking(**uses)))[0].recipe

    usual = recipe()
    assert (usual.name, usual.gradients.name, usual.quantised.weights.name) == ("fp8-delayed", "fp32", "bf16")
    assert recipe(name="fp8-current").name == "fp8-current"
    # Weights of one scale a tensor are gathered as they are held; gradients are reduced as they are kept.
    held = recipe(weights="fp8", gradients="bf16")
    assert (held.quantised.gathers.name, held.reductions.name) == ("fp8", "bf16")
    assert recipe(weights="fp8", gathers="bf16").quantised.gathers.name == "bf16"
    # Without narrow gradients of weights nothing asks for a narrow input in the backward.
    assert recipe(weight_gradients="bf16").quantised.inputs.name == "bf16"
    assert recipe(attention="fp8").attention.name == "fp8"
    assert prepare(asking(first_bf16_layers=1)).scenario.model.wide_ends == (1, 0)


def test_mfu_is_held_against_the_narrow_peak_and_beside_it_against_half_precision():
    wide, narrow = (simulate(asking(precision)) for precision in ("bf16", "fp8"))
    assert wide.mfu == pytest.approx(wide.mfu_half)
    assert narrow.peak_flops_per_s == 2 * narrow.half_peak_flops_per_s == 1979e12
    assert narrow.mfu_half == pytest.approx(2 * narrow.mfu)
    assert narrow.formats == ("fp8",)
    assert narrow.mfu_half / wide.mfu == pytest.approx(wide.step_time_s / narrow.step_time_s)
    # The useful line counts every product at its own peak: between the two.
    assert narrow.mfu_causal < narrow.ledger.share("useful") < 2 * narrow.mfu_causal
    assert narrow.step_time_s < wide.step_time_s
    assert not narrow.notes


@pytest.mark.parametrize("recipe", ["fp8-delayed", "fp8-current", "fp8-blockwise", "fp8-tensorwise", "fp8-rowwise"])
def test_a_narrow_format_is_faster_or_says_why_not(recipe):
    for model, plan in ((SMALL, fixed(micro_batch=1)), (MODEL, PLAN)):
        asked = asking(model=model, plan=plan, name=recipe)
        outcome, half = simulate(asked), simulate(dataclasses.replace(asked, training=training(32, 2048)))
        said = [note for note in outcome.notes if "longer than half precision would: casts cost more" in note]
        assert (outcome.step_time_s > half.step_time_s * (1 + 1e-6)) == bool(said)
        # Narrow layers of few tokens wait for memory and launches anyway: there it never pays.
        assert bool(said) == (model is SMALL)


def test_narrow_attention_is_faster():
    # Of long sequences, where queries, keys and values are few beside their products.
    long = dataclasses.replace(MODEL, max_sequence=32_768)
    asked = [asking(model=long, **uses) for uses in ({}, {"attention": "fp8"})]
    longer = [dataclasses.replace(one.training, sequence=32_768, global_batch=4) for one in asked]
    wide, narrow = (
        simulate(dataclasses.replace(one, training=recipe)) for one, recipe in zip(asked, longer, strict=True)
    )
    assert narrow.step_time_s < wide.step_time_s
    assert set(narrow.flops.needed_in) == {"bf16", "fp8"}
