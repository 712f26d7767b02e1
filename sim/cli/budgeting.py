"""The command that asks scaling laws what a budget buys."""

from __future__ import annotations

from pathlib import Path

import click

from sim.cli.editors import completed
from sim.cli.options import STYLE, VERBOSE


@click.command()
@click.option("--compute", help='FLOP of training, such as "5.76e23".')
@click.option("--target-loss", type=float, help="Nats per token on the law's corpus.")
@click.option("--parameters", help='Of the model, such as "13B".')
@click.option("--tokens", help='To train on, such as "1.4T".')
@click.option("--inference-tokens", help='Read and written in the model\'s life, such as "2T".')
@click.option(
    "--law", shell_complete=completed("laws"), help="A name (`scaletax list laws`; default: chinchilla-epoch)."
)
@click.option("--device", shell_complete=completed("devices"), help="To price it: a name (`scaletax list devices`).")
@click.option("--mfu", help='Share of the device\'s peak that training uses, such as "40 %".')
@click.option("--inference-mfu", help="Share that inference uses (default: as training).")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results (default: results/budget).")
@STYLE
@VERBOSE
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of the screen.")
def budget(
    compute: str | None,
    target_loss: float | None,
    parameters: str | None,
    tokens: str | None,
    inference_tokens: str | None,
    law: str | None,
    device: str | None,
    mfu: str | None,
    inference_mfu: str | None,
    out: Path | None,
    style_name: str,
    verbose: bool,
    as_json: bool,
) -> None:
    """Ask a scaling law what a budget buys: size, tokens and loss, and what a model costs over its life.

    Say how much compute there is, which loss is wanted, or which model (parameters and tokens, or one of them with
    compute or a loss). With --inference-tokens, the size that takes least training and inference together.
    """
    from sim.asked import count
    from sim.catalog import DEFAULT_LAW, load_law
    from sim.outcome.quality.study import Question, answer
    from sim.page.terminal import show
    from sim.records.files import check_writable
    from sim.report.budget import budget_page, budget_screen, write_budget
    from sim.report.run import next_line
    from sim.report.styles import style_named
    from sim.study.price import machine

    style = style_named(style_name)
    priced = machine(device, mfu, inference_mfu)
    question = Question(
        compute_flops=count(compute, "--compute"),
        target_loss=target_loss,
        parameters=count(parameters, "--parameters"),
        tokens=count(tokens, "--tokens"),
        inference_tokens=count(inference_tokens, "--inference-tokens") or 0.0,
        inference_weight=priced.inference_weight if priced else 1.0,
    )
    study = answer(load_law(law or DEFAULT_LAW, "--law"), question)
    directory = out or Path("results") / "budget"
    if not as_json:
        check_writable(directory)
        show(budget_page(study, priced) if verbose else budget_screen(study, priced))
    written = write_budget(study, priced, directory, style)
    if as_json:
        click.echo(written[0].read_text(encoding="utf-8"), nl=False)
    else:
        show([next_line(written, "" if verbose else "add --verbose for all of it")])
