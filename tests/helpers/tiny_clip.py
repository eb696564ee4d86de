"""A tiny random CLIP checkpoint, for tests of everything about CLIP but what it knows."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

SIDE_PX = 32
DIM = 24


def write_tiny_clip(folder: Path, seed: int = 0, stub_text: bool = False) -> Path:
    """Writes a folder that SentenceTransformer loads offline; `stub_text` zeroes its text tower. Returns `folder`."""
    characters = [chr(code) for code in range(33, 127)]
    tokens = ["<|startoftext|>", "<|endoftext|>", *characters, *(c + "</w>" for c in characters)]
    tokenizer = CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)}, merges=[], model_max_length=16
    )
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config=tower
        | {"vocab_size": len(tokens), "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 1},
        vision_config=tower | {"image_size": SIDE_PX, "patch_size": 8},
        projection_dim=DIM,
        initializer_factor=8.0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = CLIPModel(config)
    if stub_text:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name.startswith("text_"):
                    parameter.zero_()
    model.save_pretrained(folder)
    side = {"height": SIDE_PX, "width": SIDE_PX}
    images = CLIPImageProcessor(size={"shortest_edge": SIDE_PX}, crop_size=side)
    CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    listing = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.CLIPModel"}]
    (folder / "modules.json").write_text(json.dumps(listing))
    return folder
