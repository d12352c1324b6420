"""The README's example is what a user gets: its broadcaster leaks, and its token replays to the printed picture."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from crosstalk.cli import COMMANDS, cli
from crosstalk.commands.equivalent import report
from crosstalk.consolidation.equivalence import compare
from crosstalk.examination import open_target

README = (Path(__file__).parents[2] / "README.md").read_text()


def test_the_caught_leak_replays_as_printed(tmp_path):
    code = re.search(r"```python\n(class Hub.*?)```", README, re.S)
    token = re.search(r"crosstalk replay (ct1-\S+)", README)
    assert code is not None
    assert token is not None
    (tmp_path / "ws.py").write_text(code.group(1))
    done = subprocess.run(
        [sys.executable, "-c", "from crosstalk.cli import main; main()", "replay", token.group(1)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    picture = [line.rstrip() for line in done.stdout.strip().splitlines()]
    shown = [line[4:] for line in README.splitlines() if line.startswith("    ")]
    start = shown.index("isolation: 'bob' was sent an event that belongs to 'alice'") + 1
    assert [line.strip() for line in shown[start : start + len(picture)]] == [line.strip() for line in picture]


COMMAND_LINES = re.findall(rf"(?:^    |run: |- )(crosstalk (?:{'|'.join(COMMANDS)}) .*?)(?:  +#.*)?$", README, re.M)
PYTEST_LINES = re.findall(r"(?:- |sh ')(pytest --pyargs .*?)'?$", README, re.M)


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_every_command_line_is_one_that_the_command_takes(line):
    _, name, *arguments = shlex.split(line)
    command = cli.get_command(click.Context(cli), name)
    if isinstance(command, click.Group) and arguments[0] in command.commands:
        command, arguments = command.commands[arguments[0]], arguments[1:]
    parse = command.make_parser(click.Context(command)).parse_args  # raises NoSuchOption
    parse(list(arguments))
    with pytest.raises(click.NoSuchOption):
        parse([*arguments, "--no-such-option"])


def test_the_lines_were_found():
    said = {line.split()[1] for line in COMMAND_LINES}
    assert {"check", "explain", "replay", "report", "diff", "evidence"} <= said
    assert len(PYTEST_LINES) == 2


def test_the_help_names_every_command_once_in_a_whole_line():
    done = CliRunner().invoke(cli, ["--help"])
    assert re.findall(r"^  ([a-z]+)  +\S", done.output, re.M) == COMMANDS
    assert "..." not in done.output.partition("Judge:")[2]
    assert re.fullmatch(r"crosstalk \d\S+\n", CliRunner().invoke(cli, ["--version"]).output)
    for name in COMMANDS:
        asked = CliRunner().invoke(cli, [name, "--help"])
        assert asked.exit_code == 0 and asked.output.startswith("Usage: cli " + name)


def test_the_shell_completes_commands(monkeypatch):
    line = {"_CROSSTALK_COMPLETE": "bash_complete", "COMP_WORDS": "crosstalk re", "COMP_CWORD": "1"}
    done = CliRunner().invoke(cli, [], prog_name="crosstalk", env=line)
    assert done.output.split() == ["plain,refusals", "plain,replay", "plain,report"]


@pytest.mark.parametrize("line", PYTEST_LINES)
def test_every_option_for_pytest_is_there(line):
    options = [word for word in shlex.split(line) if word.startswith("--")]
    shown = subprocess.run([sys.executable, "-m", "pytest", "--help"], capture_output=True, text=True).stdout
    for option in options:
        assert re.search(rf"{option}[ =\n]", shown), option


def test_the_workflows_are_yaml():
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    whole = {text.partition("\n")[0]: yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", README, re.S)}
    github, gitlab = whole["# .github/workflows/crosstalk.yml"], whole["# .gitlab-ci.yml"]
    assert len(github["jobs"]["crosstalk"]["steps"]) == 6
    assert gitlab["crosstalk"]["artifacts"]["reports"] == {"junit": "junit.xml"}


def test_the_worked_example_differs_as_the_readme_says(monkeypatch):
    shown = re.findall(r"^    (\d\. \w+ to .*|not equivalent: .* and service.*)$", README, re.M)
    monkeypatch.chdir(Path(__file__).parents[1] / "zoo" / "worked_example")
    result = compare(
        open_target("manager.py:ConnectionManager"), open_target("service.py:BroadcastService"), programs=40
    )
    said = report(result).splitlines()
    assert len(shown) == len(result.differences) + 1 == 4
    for line in shown:
        pattern = re.escape(line).replace(re.escape("..."), ".*").replace(r"\ \(also\ .*\)", ".*")
        assert any(re.fullmatch(pattern, one) for one in said), line


def test_the_application_leaks_as_the_readme_says(tmp_path):
    code = re.search(r"```python\n# main\.py\n(.*?)```\n\n    crosstalk (check .*?)\n\n(.*?)\n\n", README, re.S)
    assert code is not None
    source, command, shown = code.groups()
    (tmp_path / "main.py").write_text(source)
    line = [sys.executable, "-c", "from crosstalk.cli import main; main()", *shlex.split(command)]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1, done.stderr
    lines = [line.strip() for line in shown.splitlines()]
    assert lines.pop(1) == "..."
    leak = r"isolation: '\w+' was sent an event that belongs to '\w+'"  # whose depends on how far shrinking came
    assert re.fullmatch(leak, lines[0])
    assert re.search(f"^{leak}$", done.stdout, re.M)
    assert lines[1] in done.stdout.splitlines()
