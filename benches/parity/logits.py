"""Logits of a BERT folder on 20 texts with a fixed head, by transformers, for logits.rs to compare with. (exported.py compares what is exported.)

    python logits.py MODEL_DIR OUT.safetensors
    cargo run --release -p benches --example parity-logits -- MODEL_DIR OUT.safetensors

Needs torch and transformers.
"""

import sys

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoTokenizer, BertForSequenceClassification

TEXTS = [
    "The team won the cup after extra time.",
    "Shares fell sharply on Monday.",
    "A film that never finds its feet.",
    "Great acting, dull story, wonderful music.",
    "Ministers will vote on the bill next week.",
    "New phones go on sale in spring.",
    "I would not watch it again, not even for free!",
    "Inflation rose to 2.3 % in March, the statistics office said.",
    "The goalkeeper was sent off.",
    "Yes.",
    "An operating system update broke thousands of machines around the world, and it took days to repair them all.",
    "Zürich, São Paulo and Kraków applied.",
    "She sang; he played the piano.",
    "What a waste of two hours of anybody's life",
    "Oil prices, interest rates and the weather: three things nobody can predict, and about which everybody writes every single day.",
    "The minister, who had said in January that he would stay whatever happened, resigned in the evening. His party was surprised.",
    "good",
    "It is not that the jokes are bad; there are none.",
    "Robots learn to walk by falling over a million times in a simulated world, and then once or twice in the real one.",
    "12 34 56 78 90 !? :-)",
]


def main(folder, out):
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(folder, num_labels=5)
    model = BertForSequenceClassification.from_pretrained(folder, config=config, attn_implementation="eager").eval()
    with torch.no_grad():
        model.classifier.weight.copy_(torch.randn_like(model.classifier.weight) * 0.1)
        model.classifier.bias.copy_(torch.randn_like(model.classifier.bias))
    batch = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(**batch).logits
    tensors = {
        "ids": batch["input_ids"].to(torch.uint32),
        "types": batch["token_type_ids"].to(torch.uint32),
        "mask": batch["attention_mask"].float(),
        "logits": logits,
    }
    head = {name: p.detach() for name, p in model.named_parameters() if name.startswith(("classifier.", "bert.pooler."))}
    save_file({name: t.contiguous() for name, t in (tensors | head).items()}, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
