from __future__ import annotations

import string
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mme.archives.triton.shell import first_shell_metacharacter
from mme.errors import MmeError
from mme_local.containers.triton.installation import TritonInstallation

PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "


@given(st.text(PRINTABLE, max_size=30).filter(lambda text: not first_shell_metacharacter(text)))
@settings(max_examples=50)
def test_a_shell_passes_other_names_unchanged(text: str) -> None:
    said = subprocess.run(
        ["bash", "-c", f"printf %s /models::{text}"], capture_output=True, text=True, check=True
    )
    assert said.stdout == f"/models::{text}"


@pytest.mark.parametrize("letter", [*" \t\n\"'`$&|;<>(){}[]*?\\"])
def test_the_first_metacharacter_is_returned(letter: str) -> None:
    assert first_shell_metacharacter(f"a{letter}b.tar.gz") == letter


def test_a_folder_with_a_metacharacter_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MmeError, match="my folder' holds ' '") as caught:
        TritonInstallation.create(tmp_path / "my folder" / "triton")
    assert "TMPDIR" in str(caught.value.hint)
    assert list(tmp_path.iterdir()) == []
