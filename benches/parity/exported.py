"""Whether transformers loads a folder that `thawline export` or `thawline train` wrote without a warning, and says the same of a file as `thawline predict`.

    thawline predict MODEL_DIR --input FILE --to predictions.csv
    python exported.py MODEL_DIR FILE predictions.csv [--limit 1e-4] [--backend pil]

FILE: texts in CSV, TSV, JSON lines or a .txt; or a folder of images. The folder's own tokenizer or image processor reads it. What is compared are the logs of the
probabilities, which are the logits but for a constant of each row. Exit code 1: a warning, another label, or a difference above the limit.

Networks that transformers does not have (ResNets of the CIFAR kind) come with their own code: see `auto_map` in their config.json.

Needs torch, transformers and pillow, and torchvision for the processors that transformers uses by default. Last run: see README.md.
"""

import argparse
import csv
import json
import logging
import math
import pathlib
import sys
import warnings

import torch
import transformers
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)


class Collected(logging.Handler):
    """Everything that is logged as a warning or worse."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


def read_texts(path, columns):
    if path.suffix == ".txt":
        return [(line,) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]
    if path.suffix in (".jsonl", ".ndjson"):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    else:
        tsv = path.suffix != ".csv"
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t" if tsv else ",", quoting=csv.QUOTE_NONE if tsv else csv.QUOTE_MINIMAL))
    return [tuple(row[column] for column in columns) for row in rows]


def of_texts(folder, path, manifest):
    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = manifest.get("input", {}).get("texts", {"columns": ["text"], "max_tokens": model.config.max_position_embeddings})
    rows = read_texts(path, texts["columns"])
    for start in range(0, len(rows), 64):
        columns = [list(column) for column in zip(*rows[start : start + 64])]
        batch = tokenizer(*columns, padding=True, truncation=True, max_length=texts["max_tokens"], return_tensors="pt")
        with torch.no_grad():
            yield from model(**batch).logits.double()


def of_images(folder, path, names, backend, trusted):
    from PIL import Image

    model = AutoModelForImageClassification.from_pretrained(folder, trust_remote_code=trusted).eval()
    processor = AutoImageProcessor.from_pretrained(folder, **({"backend": backend} if backend else {}))
    print(f"{type(processor).__name__}, {model.num_parameters()} parameters")
    channels = getattr(model.config, "num_channels", 3)
    for name in names:
        image = Image.open(path / name).convert("L" if channels == 1 else "RGB")
        pixels = processor(image, return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            yield model(pixel_values=pixels).logits[0].double()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("input", type=pathlib.Path)
    parser.add_argument("predictions", type=pathlib.Path)
    parser.add_argument("--limit", type=float, default=1e-4)
    parser.add_argument("--backend", help="of image processors: torchvision (the default) or pil")
    arguments = parser.parse_args()

    collected = Collected()
    transformers.utils.logging.add_handler(collected)
    logging.getLogger().addHandler(collected)
    logging.captureWarnings(True)
    warnings.simplefilter("always")

    manifest_path = arguments.folder / "thawline.json"
    manifest = json.loads(manifest_path.read_text()) if manifest_path.exists() else {}
    fields = json.loads((arguments.folder / "config.json").read_text())
    own_code = "auto_map" in fields
    config = AutoConfig.from_pretrained(arguments.folder, trust_remote_code=own_code)
    labels = [config.id2label[id] for id in range(config.num_labels)]
    with open(arguments.predictions, encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))
    if "image" in expected[0]:
        found = of_images(arguments.folder, arguments.input, [row["image"] for row in expected], arguments.backend, own_code)
    else:
        found = of_texts(arguments.folder, arguments.input, manifest)

    largest, others, count = 0.0, 0, 0
    for row, logits in zip(expected, found, strict=True):
        logs = torch.log_softmax(logits, 0)
        ours = torch.tensor([math.log(max(float(row[f"probability of {label}"]), 1e-300)) for label in labels], dtype=torch.float64)
        largest = max(largest, (logs - ours).abs().max().item())
        others += labels[int(logits.argmax())] != row["predicted"]
        count += 1
    print(f"transformers {transformers.__version__}, torch {torch.__version__}: {config.architectures[0]}, labels {labels}")
    print(f"{count} examples, largest difference of a logit {largest:.2e}, other labels {others}")
    print("warnings:", collected.messages or "none")
    return 1 if collected.messages or others or largest > arguments.limit or not math.isfinite(largest) else 0


if __name__ == "__main__":
    sys.exit(main())
