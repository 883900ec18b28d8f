"""The model computes what Hugging Face's Llama computes, and is saved so that others load it."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from cnai_training import hf, job, train
from cnai_training.errors import TrainingError
from cnai_training.evaluate.perplexity import loaded
from cnai_training.model import Llama, ModelConfig, fill, initial, rotary, same_document
from cnai_training.parallel import layers_of
from cnai_training.prepare import tokenizer
from conftest import tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=[False, True], ids=["untied", "tied"])
def folder(request: pytest.FixtureRequest, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder of random weights, large enough that they matter."""
    config = ModelConfig(
        vocab_size=384, hidden_size=48, heads=6, kv_heads=2, layers=3, context=64, tie_embeddings=request.param
    )
    model = Llama(config)
    fill(model.named_parameters(), lambda name, shape: initial(config, 3)(name, shape) * (1 if "norm" in name else 5))
    tensors = dict(model.named_parameters())
    url = tmp_path_factory.mktemp("model")
    hf.save(str(url), config, {n: t.detach() for n, t in tensors.items()}, str(prepared / "tokenizer"))
    return url


def tokens() -> torch.Tensor:
    return torch.randint(0, 384, (2, 40), generator=torch.Generator().manual_seed(0))


def test_transformers_loads_the_folder_and_computes_the_same_logits(folder: Path) -> None:
    theirs = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.no_grad():
        expected, ours = theirs(tokens()).logits, loaded(str(folder), CPU)(tokens())
    assert float(expected.abs().max()) > 1
    torch.testing.assert_close(ours, expected, atol=2e-5, rtol=1e-4)


def test_a_folder_that_transformers_saved_is_read_back(folder: Path, tmp_path: Path) -> None:
    theirs = AutoModelForCausalLM.from_pretrained(folder).eval()
    theirs.save_pretrained(tmp_path)
    with torch.no_grad():
        torch.testing.assert_close(loaded(str(tmp_path), CPU)(tokens()), theirs(tokens()).logits, atol=2e-5, rtol=1e-4)


def test_stages_one_after_another_are_the_whole_model() -> None:
    config = ModelConfig(vocab_size=64, hidden_size=32, layers=5)
    whole, x = Llama(config), torch.randint(0, 64, (1, 8))
    fill(whole.named_parameters(), initial(config, 0))
    y = x
    for stage in range(3):
        part = Llama(config, *layers_of(config, stage, 3))
        fill(part.named_parameters(), initial(config, 0))
        y = part(y, length=8)
    torch.testing.assert_close(y, whole(x))


def test_packed_documents_do_not_see_each_other() -> None:
    config = ModelConfig(vocab_size=64, hidden_size=32, layers=2)
    model, x = Llama(config), torch.randint(0, 64, (1, 10))
    fill(model.named_parameters(), initial(config, 0))
    documents = torch.tensor([[1] * 6 + [2] * 4])
    packed = model(x, documents)
    torch.testing.assert_close(packed[:, :6], model(x[:, :6]))
    # Rotation is relative, so a document computes the same wherever it stands.
    torch.testing.assert_close(packed[:, 6:], model(x[:, 6:]), atol=1e-5, rtol=1e-4)


def test_padding_sees_something_so_that_no_loss_is_nan() -> None:
    assert same_document(torch.tensor([[1, 1, 0, 0]])).any(dim=-1).all()


def test_rotation_starts_at_one_and_zero() -> None:
    cos, sin = rotary(ModelConfig(vocab_size=8), 4, CPU)
    assert bool((cos[0] == 1).all())
    assert bool((sin[0] == 0).all())


def test_the_model_file_stays_readable() -> None:
    import cnai_training.model

    assert len(Path(cnai_training.model.__file__).read_text().splitlines()) <= 250


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_type": "gpt2"}, "model_type is 'gpt2'"),
        ({"rope_scaling": {"rope_type": "llama3"}}, "rope_type is 'llama3'"),
        ({"num_hidden_layers": None}, "layers"),
        ({"hidden_size": 50}, "must divide"),
    ],
)
def test_a_model_of_another_kind_is_refused(folder: Path, tmp_path: Path, change: dict[str, object], said: str) -> None:
    given = {**json.loads((folder / "config.json").read_text()), **change}
    (tmp_path / "config.json").write_text(json.dumps({k: v for k, v in given.items() if v is not None}))
    with pytest.raises(TrainingError, match=said):
        hf.read_config(str(tmp_path))


def copied(folder: Path, target: Path) -> Path:
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize("keep", [0, 7, 500, -1000])
def test_corrupt_safetensors_are_one_clear_error(folder: Path, tmp_path: Path, keep: int) -> None:
    weights = copied(folder, tmp_path) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:keep])
    with pytest.raises(TrainingError, match="write or copy the model again"):
        loaded(str(tmp_path), CPU)


def test_weights_of_another_shape_are_refused(folder: Path, tmp_path: Path) -> None:
    file = copied(folder, tmp_path) / "config.json"
    file.write_text(file.read_text().replace('"vocab_size": 384', '"vocab_size": 448'))
    with pytest.raises(TrainingError, match="they do not belong"):
        loaded(str(tmp_path), CPU)


def test_a_base_with_another_tokenizer_is_refused(folder: Path, run: Path, tmp_path: Path) -> None:
    other = tokenizer.trained(iter(["other words entirely " * 50]), 300)
    tokenizer.save(other, str(copied(folder, tmp_path)), 64)
    with pytest.raises(TrainingError, match="another tokenizer"):
        train.run(job.job("finetune", tiny(run, finetune={"base": str(tmp_path)})))


def test_the_tokenizer_loads_with_its_chat_template(folder: Path) -> None:
    loaded = AutoTokenizer.from_pretrained(folder)
    assert loaded.chat_template
    assert loaded.decode(loaded.encode("Plain words, 123!", add_special_tokens=False)) == "Plain words, 123!"
