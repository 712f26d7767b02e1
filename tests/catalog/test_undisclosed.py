"""Models that have a name and cannot be simulated."""

import pytest

from sim.catalog import load_model, load_sources, model_names, undisclosed_models
from sim.errors import InputError
from sim.page.terminal import screen
from sim.report.catalogue import models_table


@pytest.mark.parametrize("name", undisclosed_models())
def test_what_is_missing_is_said_with_its_source_and_a_way_out(name):
    with pytest.raises(InputError) as caught:
        load_model(name, "here")
    message = str(caught.value)
    model = undisclosed_models()[name]
    assert message.startswith("here\n")
    assert all(one in message for one in (*model.missing, model.reason, load_sources()[model.source]["title"]))
    assert "[model]" in caught.value.remedy
    assert name not in model_names()


def test_a_slip_finds_them_too():
    with pytest.raises(InputError, match="did you mean 'gpt-4'"):
        load_model("gpt4")


def test_the_list_shows_them():
    (row,) = [line for line in screen(models_table()).splitlines() if line.startswith("gpt-4")]
    assert row.split(maxsplit=1)[1] == "undisclosed: parameters, training tokens, hardware"
