"""The commands on a file with entries."""

import pytest

from sim.cli import main

TEXT = """
schema = 1
[[entry]]
name = "runs"
model = { name = "cerebras-gpt-111m" }
training = { tokens = 1e9, global_batch = "64 sequences" }
[[entry.system]]
name = "wafer"
topology = "cs-2-single"
devices = 1
stack = "cerebras-r2"
[[entry]]
name = "secret"
model = { name = "gpt-4" }
expect = "refused"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my.toml"
    path.write_text(TEXT, encoding="utf-8")
    return path


@pytest.fixture
def invoke(capsys, monkeypatch):
    """The command line in this process: (exit code, all that it printed)."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["scaletax", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        printed = capsys.readouterr()
        return caught.value.code, printed.out + printed.err

    return call


def test_expected_refusals_leave_the_exit_code_alone(invoke, file, tmp_path):
    code, output = invoke("run", file, "--out", tmp_path / "out", "--set", "report.charts=false")
    assert code == 0, output
    assert "secret" in output
    assert "refused" in output
    assert (tmp_path / "out" / "entries.csv").exists()


def test_refusals_alone_run_too_but_there_is_nothing_to_check(invoke, file, tmp_path):
    file.write_text(TEXT[: TEXT.index("[[entry]]")] + TEXT[TEXT.rindex("[[entry]]") :], encoding="utf-8")
    assert invoke("run", file, "--out", tmp_path / "out")[0] == 0
    code, output = invoke("check", file)
    assert code == 2
    assert "GPT-4 cannot be simulated" in output


def test_an_unexpected_refusal_is_bad_input(invoke, file, tmp_path):
    file.write_text(TEXT.replace('expect = "refused"\n', ""), encoding="utf-8")
    code, output = invoke("run", file, "--out", tmp_path / "out")
    assert code == 2
    assert '[entry "secret"]' in output


def test_entries_are_checked_and_cited(invoke, file):
    for command in ("check", "cite"):
        assert invoke(command, file)[0] == 0


def test_the_list_of_scenarios_counts_entries(invoke):
    _, output = invoke("list", "scenarios")
    (row,) = [line for line in output.splitlines() if line.startswith("article")]
    assert "entries" in row
