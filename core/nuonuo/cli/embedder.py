"""The option `--embedder`, of every command that embeds."""

from __future__ import annotations

import argparse

from nuonuo.encoding.embedders import MiniLM
from nuonuo.encoding.embedders.minilm import Backend


def embedder_option(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument(
        "--embedder",
        metavar="MODEL",
        help=f"{what}: torch or onnx for the packaged MiniLM, a sentence-transformers model, or an ONNX file "
        "(default: MiniLM, by torch where that is installed)",
    )


def embedder_of(given: str | None) -> MiniLM:
    """The embedder that ``--embedder`` names."""
    backends: dict[str | None, Backend] = {"torch": "torch", "onnx": "onnx"}
    return MiniLM(backend=backends[given]) if given in backends else MiniLM(given)
