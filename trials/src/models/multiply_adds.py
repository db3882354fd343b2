"""Multiply-adds of one forward pass, by PyTorch's own counter, of the small networks of `convnet/fixtures/networks.py` and of a small BERT.

    python3 multiply_adds.py

prints what `convnet/tests.rs` and `bert/tests.rs` expect. Made with torch 2.15.0 and transformers 5.23.0.
"""

import pathlib
import sys

import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import BertConfig, BertForSequenceClassification

sys.path.insert(0, str(pathlib.Path(__file__).parent / "convnet" / "fixtures"))
import networks


def count(model, *inputs, **named):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(*inputs, **named)
    return counter.get_total_flops() // 2


if __name__ == "__main__":
    for name, network, side in [
        ("cifar", networks.Cifar([4, 8, 8], 2), 17),
        ("basic", networks.Torchvision(4, [1, 2, 1, 1], False), 45),
        ("bottleneck", networks.Torchvision(3, [2, 1, 1, 1], True), 33),
        ("transformers", networks.Transformers(), 39),
        ("mobilenet", networks.MobileNetV2(), 80),
    ]:
        print(name, side, count(network, torch.randn(1, 3, side, side)))
    config = BertConfig(
        vocab_size=100, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=64,
        num_labels=3, attn_implementation="eager",
    )
    print("bert", 20, count(BertForSequenceClassification(config), torch.arange(20)[None]))
