"""The three-output reader: one BERT encoder with a span head and a relevance head."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import BertConfig, BertModel

from .prepared import copy_tokenizer


class Reader(nn.Module):
    """Encoder, `qa_outputs` (hidden to 2) and pooler + `classifier` (hidden to 1), named as transformers names them."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=True)
        self.qa_outputs = nn.Linear(config.hidden_size, 2)
        self.classifier = nn.Linear(config.hidden_size, 1)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """int64 (rows, length) inputs to start logits (rows, length), end logits (rows, length), relevance (rows,)."""
        out = self.bert(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)
        start, end = self.qa_outputs(out.last_hidden_state).float().unbind(-1)
        relevance = self.classifier(out.pooler_output).float().squeeze(-1)
        return start, end, relevance


def bert_config(folder: Path, dropout: float = 0.0) -> BertConfig:
    """The folder's config.json with this dropout behind each layer's two outputs, and plain attention, which trains
    1.16 times as fast as sdpa on a CPU (bfloat16, 192 tokens). Attention is never dropped: its matrices make that dear.
    """
    values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for name in ("id2label", "label2id", "num_labels"):  # the base ranks with one label; a span head has two
        values.pop(name, None)
    config = BertConfig.from_dict(values | {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": 0.0})
    config._attn_implementation = "eager"
    return config


def from_base(base: Path, seed: int, start: Path | None = None, dropout: float = 0.0) -> Reader:
    """A reader whose encoder and relevance head are the base cross-encoder's, and whose span head is random.

    `start` is the folder of a finished reader whose weights replace those; what it lacks (a relevance head) stays the
    base's. Raises ValueError if the base lacks any weight but the span head's, or if `start` is no reader.
    """
    torch.manual_seed(seed)
    config = bert_config(base, dropout)
    reader = Reader(config)
    nn.init.normal_(reader.qa_outputs.weight, std=config.initializer_range)
    nn.init.zeros_(reader.qa_outputs.bias)
    tensors = {name: value.float() for name, value in load_file(base / "model.safetensors").items()}
    missing, unexpected = reader.load_state_dict(tensors, strict=False)
    lost = [name for name in missing if not name.startswith("qa_outputs.")]
    if lost or [name for name in unexpected if not name.endswith("position_ids")]:
        raise ValueError(f"{base} does not fit the reader: missing {lost}, unexpected {unexpected}")
    if start:
        _fill(reader, start)
    return reader


def from_model(folder: Path) -> Reader:
    """A reader from a finished model folder; a missing relevance head stays random, and says nothing."""
    reader = Reader(bert_config(folder))
    _fill(reader, folder)
    return reader


def average(folders: Sequence[Path], out: Path) -> None:
    """Write the mean of the weights of finished readers to the model folder `out`, with the first one's tokenizer.

    They must come from one start: only then do their weights lie so near each other that the mean reads at all.
    Raises ValueError if one is no reader.
    """
    readers = [from_model(folder) for folder in folders]
    states = [reader.state_dict() for reader in readers]
    mean = {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
    save(readers[0], out, mean)
    copy_tokenizer(folders[0], out)


def _fill(reader: Reader, folder: Path) -> None:
    files = [folder / "model.safetensors", folder / "relevance.safetensors"]
    tensors = {name: value.float() for file in files if file.exists() for name, value in load_file(file).items()}
    missing, unexpected = reader.load_state_dict(tensors, strict=False)
    lost = [name for name in missing if not name.startswith(("classifier.", "bert.pooler."))]
    if lost or unexpected:
        raise ValueError(f"{folder} is no reader: missing {lost}, unexpected {unexpected}")


def freeze(reader: Reader, layers: int) -> dict[str, nn.Parameter]:
    """Fix the word embeddings and, if `layers` > 0, all embeddings and that many lower layers; returns what learns."""
    reader.bert.embeddings.word_embeddings.weight.requires_grad_(False)
    if layers:
        for part in (reader.bert.embeddings, *reader.bert.encoder.layer[:layers]):
            part.requires_grad_(False)
    return {name: value for name, value in reader.named_parameters() if value.requires_grad}


def save(
    reader: Reader, folder: Path, learned: Mapping[str, Tensor] | None = None, dtype: torch.dtype = torch.float32
) -> None:
    """Write model.safetensors and config.json; `learned` replaces weights by name (an average of them, say)."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = reader.state_dict() | dict(learned or {})
    save_file(
        {name: value.detach().to(dtype).contiguous() for name, value in tensors.items()}, folder / "model.safetensors"
    )
    config = reader.bert.config.to_dict() | {"architectures": ["BertForQuestionAnswering"], "dtype": str(dtype)[6:]}
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
