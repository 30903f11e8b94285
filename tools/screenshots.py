"""Draw the pictures of commands in docs/images: real commands on a real local endpoint, in 80 or 112 columns.

`python -m tools.screenshots` writes the SVG files; with `--text` it also prints the output of each command,
for the docs. The runtime serves with real Triton. Only the metrics of the last hour are made up.
"""

from __future__ import annotations

import io
import os
import pty
import random
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from mme.aws.clients import AwsClients
from mme_local import launcher
from mme_local.run_files import RunFile
from mme_local.settings import LocalSettings
from tools.planning_example import prepare
from tools.sample_deployment import (
    GROUP,
    alarm_resource,
    clients_at,
    deploy,
    put_metric,
    secure_bucket,
    serving_template,
    store_template,
    update_by_hand,
)

_FONT: Final = re.compile(r"\s*@font-face \{.*?\}", re.DOTALL)
"""rich's pictures load a font from the web; a monospaced font of the reader will do."""
ROOT: Final = Path(__file__).parents[1]
IMAGES: Final = ROOT / "docs" / "images"
COLUMNS: Final = 80
WIDE: Final = 112
NAMES: Final = ("add_sub", "churn", "pricing", "sentiment", "ranking", "recommend")
LFS_POINTER: Final = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 4711\n"
)
BROKEN: Final = (
    "import scikit_lern\n\n\nclass TritonPythonModel:\n    def execute(self, requests):\n        return []\n"
)


class Screens:
    """Runs commands in a terminal and draws their output."""

    def __init__(self, state: RunFile, folder: Path, *, text: bool) -> None:
        self._folder = folder
        self._text = text
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MME_"))
        }
        self._environment = inherited | {
            "MME_ENDPOINT_URL": state.url,
            "MME_ENV": "dev",
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
            "PYTHONPATH": str(ROOT),
            "XDG_DATA_HOME": str(folder),
            "TERM": "xterm-256color",
        }

    def show(self, command: str, picture: str | None = None, *, columns: int = COLUMNS) -> None:
        """Run a command and draw its output.

        Args:
            command: `mme ...`.
            picture: name of the SVG file; None draws nothing.
            columns: width of the terminal, in characters.
        """
        shown = self.run(command, columns)
        if self._text:
            sys.stdout.write(f"$ {command}\n{Text.from_ansi(shown).plain}\n\n")
        if picture:
            IMAGES.mkdir(parents=True, exist_ok=True)
            console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True)
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            # An empty line at the end: without it the last one's underscores are cut off.
            console.print(Text.from_ansi(shown.rstrip()), end="\n\n")
            drawn = console.export_svg(title="mme", unique_id=f"mme-{picture}")
            (IMAGES / f"{picture}.svg").write_text(_FONT.sub("", drawn))

    def run(self, command: str, columns: int) -> str:
        """Return what a command writes to standard output, with its colours.

        Args:
            command: `mme ...`.
            columns: width of the terminal, in characters.
        """
        ours, theirs = pty.openpty()
        arguments = [sys.executable, "-m", "mme.cli.main", *shlex.split(command)[1:]]
        with subprocess.Popen(
            arguments,
            cwd=self._folder,
            env=self._environment | {"COLUMNS": str(columns)},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.DEVNULL,
        ):
            os.close(theirs)
            shown = b""
            while part := _read(ours):
                shown += part
        os.close(ours)
        return shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # on Linux: the other end is closed
        return b""


def main(*arguments: str) -> None:
    """Make every picture on a new runtime."""
    with _runtime() as state, tempfile.TemporaryDirectory() as folder:
        clients = clients_at(state.url)
        _write_models(Path(folder))
        deploy(clients, store_template("mme-dev-models"), "mme-dev-model-store")
        bucket = {"Fn::ImportValue": "mme-dev-models-name"}
        deploy(clients, serving_template(bucket=bucket, ServerErrors=alarm_resource("mme-dev-server-errors")))
        clients.cloudwatch.set_alarm_state(
            AlarmName="mme-dev-server-errors", StateValue="OK", StateReason="no errors"
        )
        secure_bucket(clients, "mme-dev-models")
        _write_metrics(clients)
        screens = Screens(state, Path(folder), text="--text" in arguments)
        screens.show("mme cost --models 10 --type ml.g5.xlarge --price ml.g5.xlarge=1.41", "cost")
        screens.show("mme advise --models 500 --framework xgboost --model-size 50MB", "advise")
        screens.show("mme archives explain fraud", "explain")
        screens.show(shlex.join(prepare(Path(folder))), "plan", columns=WIDE)
        screens.show("mme models add models", "models-add")
        screens.show("mme bench --trace calls.csv", "bench")
        screens.show("mme endpoint warm '*'")
        _wait_for_log(clients, "failed to load")
        screens.show("mme endpoint status", "status")
        screens.show("mme endpoint doctor", "doctor")
        screens.show("mme endpoint logs --model churn_v0.tar.gz --errors")
        screens.show("mme endpoint top --count 3")
        screens.show("mme endpoint metrics --since 1h --metric Invocations --metric ModelCacheHit", "metrics")
        update_by_hand(clients, "tried-by-hand")
        screens.show("mme endpoint status", "status-drift")
        screens.show("mme endpoint rollback --yes")
        screens.show("mme endpoint clean --models --dry-run")


def _wait_for_log(clients: AwsClients, text: str) -> None:
    """Wait until the runtime has sent a line with this text to CloudWatch Logs, about a second."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with suppress(clients.logs.exceptions.ResourceNotFoundException):
            if clients.logs.filter_log_events(logGroupName=GROUP, filterPattern=f'"{text}"')["events"]:
                return
        time.sleep(0.2)
    raise TimeoutError(f"no line of the log has {text!r}")


@contextmanager
def _runtime() -> Iterator[RunFile]:
    state = launcher.start_detached(LocalSettings(port=0))
    try:
        yield state
    finally:
        launcher.stop(state.port)


def _write_models(folder: Path) -> None:
    for name in NAMES:
        model = folder / "models" / name
        shutil.copytree(ROOT / "model_registry" / "add_sub", model)
        config = model / "config.pbtxt"
        config.write_text(config.read_text().replace('"add_sub"', f'"{name}"'))
    (folder / "models" / "churn" / "1" / "model.py").write_text(BROKEN)
    fraud = folder / "fraud"
    shutil.copytree(ROOT / "model_registry" / "digits", fraud)
    (fraud / "1" / "model.onnx").write_text(LFS_POINTER)
    (fraud / "requirements.txt").write_text("onnx\n")
    chance = random.Random(3)  # noqa: S311 - no secret
    served = [f"{name}_v0.tar.gz" for name in NAMES if name != "churn"]
    models = chance.choices(served, [1 / rank for rank in range(1, len(served) + 1)], k=60)
    calls = [f"{number / 2},{model}\n" for number, model in enumerate(models)]
    (folder / "calls.csv").write_text("time,model\n" + "".join(calls))


def _write_metrics(clients: Any) -> None:
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    for minutes in range(1, 60):
        moment = now - timedelta(minutes=minutes)
        calls = 20 + 4 * (minutes % 7) + minutes // 2
        put_metric(clients, "AWS/SageMaker", "Invocations", moment, *[1.0] * calls)
        misses = minutes % 4
        hits = [1.0] * (calls - misses) + [0.0] * misses
        put_metric(clients, "AWS/SageMaker", "ModelCacheHit", moment, *hits)
        put_metric(clients, "/aws/sagemaker/Endpoints", "LoadedModelCount", moment, 5)
        put_metric(clients, "AWS/SageMaker", "Invocation4XXErrors", moment, float(minutes % 13 == 0))
        put_metric(clients, "AWS/SageMaker", "Invocation5XXErrors", moment, 0.0)
        if minutes % 20 == 0:
            put_metric(clients, "AWS/SageMaker", "ModelUnloadingTime", moment, 2_000_000.0)


if __name__ == "__main__":
    main(*sys.argv[1:])
