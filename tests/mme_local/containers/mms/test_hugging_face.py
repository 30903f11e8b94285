"""Hugging Face's toolkit with a small random model, by boto3."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mme.errors import MmeError
from mme_local.containers.mms import handler as handlers
from mme_local.containers.mms.installation import has
from tests.mme_local.deployed import Endpoint, Runtime


def why_not_here() -> str:
    try:
        handlers.hugging_face({}).check_installed()
    except MmeError as error:
        return str(error)
    return "" if has("torch") else "torch is not installed"


pytestmark = [
    *(pytest.mark.slow, pytest.mark.triton, pytest.mark.nightly, pytest.mark.timeout(600)),
    pytest.mark.skipif(bool(why_not_here()), reason=why_not_here()),
]

IMAGE = "763104351884.dkr.ecr.us-east-1.amazonaws.com/huggingface-pytorch-inference:2.6-transformers4.51-cpu"
OFFLINE = {"HF_HUB_OFFLINE": "1"}
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "parcel", "arrived", "late", "early")
TEXTS = ["the parcel arrived early", "late late late"]
PROGRAM = """
from transformers import AutoTokenizer

def model_fn(model_dir):
    return AutoTokenizer.from_pretrained(model_dir)

def predict_fn(data, tokenizer):
    return {"tokens": tokenizer.tokenize(data["inputs"])}
"""


def save_model(folder: Path, seed: int) -> dict[str, str | bytes]:
    """Save a random classifier with its own vocabulary; return its files."""
    import torch
    import transformers

    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    torch.manual_seed(seed)
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        intermediate_size=16,
        num_attention_heads=2,
        num_hidden_layers=1,
        max_position_embeddings=16,
        initializer_range=1.0,
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    transformers.BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def ask(endpoint: Endpoint, target_model: str, inputs: Any, **more: Any) -> Any:
    """Invoke as clients do: again while the model loads, since its processes import torch."""
    for _ in range(4):
        try:
            return json.loads(endpoint.invoke(target_model, json.dumps({"inputs": inputs}), **more))
        except endpoint.calls.exceptions.ModelNotReadyException:
            continue
    raise AssertionError(f"{target_model} did not load")


def test_a_saved_model_answers_as_its_pipeline_does(cpu_runtime: Runtime, tmp_path: Path) -> None:
    from transformers import pipeline

    endpoint = Endpoint(cpu_runtime, image=IMAGE, environment=OFFLINE)
    for seed in (0, 1):
        endpoint.publish(f"mood_v{seed}.tar.gz", save_model(tmp_path / str(seed), seed))
        expected = pipeline("text-classification", model=str(tmp_path / str(seed)))(TEXTS)
        got = ask(endpoint, f"mood_v{seed}.tar.gz", TEXTS)
        assert [one["label"] for one in got] == [one["label"] for one in expected]
        assert [one["score"] for one in got] == pytest.approx([one["score"] for one in expected], rel=1e-4)

    with pytest.raises(ClientError) as wrong:
        endpoint.invoke("mood_v0.tar.gz", "no JSON")
    assert wrong.value.response["OriginalStatusCode"] == 400  # type: ignore[typeddict-item]
    endpoint.delete()


def test_a_model_with_its_own_program(cpu_runtime: Runtime, tmp_path: Path) -> None:
    endpoint = Endpoint(cpu_runtime, image=IMAGE, environment=OFFLINE)
    files = save_model(tmp_path / "model", 0) | {"code/inference.py": PROGRAM}
    endpoint.publish("tokens_v0.tar.gz", files)
    got = ask(endpoint, "tokens_v0.tar.gz", "the late parcel")
    assert got == {"tokens": ["the", "late", "parcel"]}

    endpoint.publish("empty_v0.tar.gz", {"weights.bin": "0"})
    with pytest.raises(ClientError, match="as env 'HF_TASK'"):
        ask(endpoint, "empty_v0.tar.gz", "the late parcel")
    endpoint.delete()
