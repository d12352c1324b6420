"""The README's example is what a user gets: its broadcaster leaks, and its token replays to the printed picture."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

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
