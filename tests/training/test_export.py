"""The ONNX graph says what torch says, row by row, whatever the other rows are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from training import export, model, onnx_graph, onnx_ops, recover
from training.prepared import copy_tokenizer

ort = pytest.importorskip("onnxruntime")


@pytest.fixture(scope="module")
def reader(base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[model.Reader, Path]:
    made = model.from_base(base, seed=3).eval()
    with torch.no_grad():
        for value in made.parameters():
            value.mul_(3.0)  # a random model this small is nearly constant otherwise
    folder = tmp_path_factory.mktemp("reader")
    model.save(made, folder)
    (folder / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    return made, folder


def pairs(rows: int, length: int) -> dict[str, npt.NDArray[np.int64]]:
    rng = np.random.default_rng(rows)
    ids = rng.integers(104, 180, size=(rows, length))
    mask, types = np.ones_like(ids), np.zeros_like(ids)
    ids[:, 0], ids[:, 4], types[:, 5:] = 101, 102, 1
    for row in range(rows):
        size = length - 2 * row
        ids[row, size - 1], ids[row, size:], mask[row, size:], types[row, size:] = 102, 0, 0, 0
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": types}


def session(path: Path):  # type: ignore[no-untyped-def]
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.disable_quant_qdq", "1")
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def test_float32_graph_equals_torch(reader: tuple[model.Reader, Path], tmp_path: Path) -> None:
    made, folder = reader
    export.export_onnx(folder, tmp_path / "reader.onnx", precision="float32")
    feed = pairs(4, 24)
    found = session(tmp_path / "reader.onnx").run(["start_logits", "end_logits", "relevance"], feed)
    with torch.inference_mode():
        wanted = made(*(torch.from_numpy(value) for value in feed.values()))
    for name, a, b in zip(("start", "end", "relevance"), found, wanted, strict=True):
        assert a.shape == tuple(b.shape), name
        keep = feed["attention_mask"] == 1 if name != "relevance" else slice(None)
        np.testing.assert_allclose(a[keep], b.numpy()[keep], atol=2e-4)


def test_int8_weights_are_close_and_rows_do_not_see_each_other(
    reader: tuple[model.Reader, Path], tmp_path: Path
) -> None:
    _, folder = reader
    small = export.export_onnx(folder, tmp_path / "int8.onnx")
    assert small < export.export_onnx(folder, tmp_path / "float.onnx", precision="float32")
    feed = pairs(5, 32)
    int8 = session(tmp_path / "int8.onnx")
    together, exact = int8.run(None, feed), session(tmp_path / "float.onnx").run(None, feed)
    spread = float(np.std(exact[0]))
    assert float(np.abs(together[0] - exact[0]).max()) < 0.25 * spread
    for row in range(5):
        alone = int8.run(None, {name: value[row : row + 1] for name, value in feed.items()})
        for a, b in zip(alone, together, strict=True):
            np.testing.assert_array_equal(a[0], b[row])


def test_int8_products_are_close_and_see_neither_other_rows_nor_padding(
    reader: tuple[model.Reader, Path], tmp_path: Path
) -> None:
    _, folder = reader
    export.export_onnx(folder, tmp_path / "int8.onnx", "int8")
    export.export_onnx(folder, tmp_path / "float.onnx", "float32")
    int8, exact = session(tmp_path / "int8.onnx"), session(tmp_path / "float.onnx")
    feed = pairs(5, 32)
    together = int8.run(None, feed)
    padded = int8.run(None, {name: np.pad(value, ((0, 0), (0, 16))) for name, value in feed.items()})
    for row in range(5):
        alone = {name: value[row : row + 1] for name, value in feed.items()}
        found, wanted = int8.run(None, alone), exact.run(None, alone)
        for a, b in zip(found[:2], wanted[:2], strict=True):
            assert not np.array_equal(a, b)
            assert np.corrcoef(a[0], b[0])[0, 1] > 0.98
        keep = feed["attention_mask"][row] == 1
        for a, b, c in zip(found[:2], together[:2], padded[:2], strict=True):
            np.testing.assert_array_equal(a[0], b[row])
            np.testing.assert_allclose(c[row, :32][keep], a[0][keep], atol=1e-3)
        np.testing.assert_array_equal(found[2][0], together[2][row])


def test_without_a_relevance_head_the_graph_computes_the_span_margin(
    reader: tuple[model.Reader, Path], tmp_path: Path
) -> None:
    _, folder = reader
    weights, config = export.read_model(folder)
    for name in export.RELEVANCE_HEAD:
        weights.pop(name)
    path = tmp_path / "plain.onnx"
    path.write_bytes(onnx_graph.build(weights, config, precision="float32", producer="test").SerializeToString())
    feed = pairs(4, 24)
    start, end, relevance = session(path).run(None, feed)
    inside = (feed["token_type_ids"] == 1) & (feed["input_ids"] != 102)
    for row in range(4):
        best = start[row][inside[row]].max() + end[row][inside[row]].max()
        assert relevance[row] == pytest.approx(best - start[row, 0] - end[row, 0], abs=1e-5)


def test_quantising_stays_within_half_a_step() -> None:
    weight = np.random.default_rng(0).normal(size=(30, 7)).astype(np.float32)
    weight[:, 3] = 0.0
    quantised, scale = onnx_ops.quantise_columns(weight)
    assert quantised.dtype == np.int8
    assert (np.abs(quantised * scale - weight) <= scale / 2 + 1e-6).all()


def test_float16_folder_loads_as_question_answering(reader: tuple[model.Reader, Path], tmp_path: Path) -> None:
    from transformers import AutoModelForQuestionAnswering

    made, folder = reader
    written = export.export(folder, tmp_path)
    assert set(written) >= {
        "reader.onnx",
        "tokenizer.json",
        "float16/model.safetensors",
        "float16/relevance.safetensors",
    }
    loaded = AutoModelForQuestionAnswering.from_pretrained(tmp_path / "float16", dtype=torch.float32).eval()
    feed = {name: torch.from_numpy(value) for name, value in pairs(3, 20).items()}
    with torch.inference_mode():
        wanted = made(**feed)
        found = loaded(**feed)
        own = model.from_model(tmp_path / "float16").eval()(**feed)
    keep = feed["attention_mask"] == 1
    torch.testing.assert_close(found.start_logits[keep], wanted[0][keep], atol=0.05, rtol=0.0)
    torch.testing.assert_close(own[2], wanted[2], atol=0.05, rtol=0.0)


@pytest.mark.parametrize(("precision", "steps"), [("float32", 0.0), ("int8", 0.5)])
def test_an_exported_reader_gives_its_weights_back(
    reader: tuple[model.Reader, Path], tmp_path: Path, precision: onnx_graph.Precision, steps: float
) -> None:
    made, folder = reader
    export.export_onnx(folder, tmp_path / "shipped/reader.onnx", precision=precision)
    back = recover.recover(tmp_path / "shipped", folder, tmp_path / "back")
    found = model.from_model(back).state_dict()
    for name, wanted in made.state_dict().items():
        stored_as_int8 = (
            name.endswith(".weight") and wanted.dim() == 2 and "position" not in name and "type" not in name
        )
        peak = wanted.abs().amax(dim=-1, keepdim=True) if stored_as_int8 else torch.zeros(1)
        allowed = steps * peak / 127 + 1e-5
        assert bool(((found[name] - wanted).abs() <= allowed).all()), name


def test_the_mean_of_two_readers_lies_between_them(base: Path, tmp_path: Path) -> None:
    parts = []
    for name, seed in (("one", 1), ("two", 2)):  # they differ in the span head, which is drawn from the seed
        made = model.from_base(base, seed=seed)
        model.save(made, tmp_path / name)
        copy_tokenizer(base, tmp_path / name)
        parts.append(made.qa_outputs.weight.detach())
    model.average([tmp_path / "one", tmp_path / "two"], tmp_path / "mean")
    mean = model.from_model(tmp_path / "mean")
    assert not torch.equal(parts[0], parts[1])
    torch.testing.assert_close(mean.qa_outputs.weight.detach(), (parts[0] + parts[1]) / 2)
    assert (tmp_path / "mean" / "tokenizer.json").exists()
