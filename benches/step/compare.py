"""A training step of Thawline against PyTorch's, in turn on the same machine: medians, and how many times faster.

    cargo build --release -p benches --example step
    python3 benches/step/compare.py target/release/examples/step MINILM_FOLDER [WORK ...]

WORK is one of minilm, minilm-last, minilm-twice, resnet20, resnet18, mobilenet (all of them if none is given). Needs torch, transformers
and safetensors. Each side runs in a process of its own with two threads, three times, one after the other; minilm-twice in two processes
with a thread each at the same time, where the seconds are those until both have done a step.
"""

import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS, STEPS = 3, 8
WORK = {
    # Batch, tokens or side, lowest block that trains.
    "minilm": (16, 64, 0),
    "minilm-last": (16, 64, 5),
    "minilm-twice": (16, 64, 0),
    "resnet20": (128, 32, 0),
    "resnet18": (16, 128, 0),
    "mobilenet": (16, 128, 0),
}


# What the program restarts itself with; PyTorch minds neither.
SETTINGS = os.environ | {"CANDLE_NUM_THREADS": "1", "MIMALLOC_PURGE_DELAY": "10000"}

# Processes at a time, and threads of each.
SHAPE = {"minilm-twice": (2, 1)}


def network(name):
    sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "trials/src/models/convnet/fixtures"))
    import networks

    if name == "resnet20":
        return networks.Cifar([16, 32, 64], 3)
    if name == "resnet18":
        return networks.Torchvision(64, [2, 2, 2, 2], False)
    return networks.MobileNetV2(whole=True)


def torch_step(name, minilm):
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(SHAPE.get(name, (1, 2))[1])
    torch.manual_seed(0)
    batch, size, lowest = WORK[name]
    if name.startswith("minilm"):
        from transformers import BertForSequenceClassification

        model = BertForSequenceClassification.from_pretrained(minilm, num_labels=10)
        if lowest > 0:
            for parameter in model.bert.embeddings.parameters():
                parameter.requires_grad = False
            for layer in model.bert.encoder.layer[: lowest - 1]:
                for parameter in layer.parameters():
                    parameter.requires_grad = False
        ids = torch.randint(0, 30000, (batch, size))
        mask = torch.ones_like(ids)
        logits = lambda: model(input_ids=ids, attention_mask=mask).logits
        optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5, weight_decay=0.01)
    else:
        model = network(name)
        pixels = torch.randn(batch, 3, size, size)
        logits = lambda: model(pixels)
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9, weight_decay=1e-4)
    model.train()
    labels = torch.randint(0, 2, (batch,))
    seconds = []
    for step in range(STEPS + 2):
        start = time.perf_counter()
        optimizer.zero_grad()
        F.cross_entropy(logits(), labels).backward()
        optimizer.step()
        if step >= 2:
            seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"median": statistics.median(seconds), "least": min(seconds), "peak_kb": peak}))


def compare(program, minilm, names):

    def run(name, command):
        started = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=SETTINGS) for _ in range(SHAPE.get(name, (1, 2))[0])]
        found = [json.loads(process.communicate()[0].splitlines()[-1]) for process in started]
        return {"median": max(f["median"] for f in found), "peak_kb": sum(f["peak_kb"] for f in found)}

    print(f"{'work':<14}{'Thawline':>10}{'PyTorch':>10}{'speed':>8}{'memory':>18}")
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            model = minilm
            if not name.startswith("minilm"):
                from safetensors.torch import save_file

                model = f"{folder}/{name}.safetensors"
                save_file({n: t for n, t in network(name).state_dict().items() if not n.endswith("tracked")}, model)
            batch, size, lowest = WORK[name]
            threads = SHAPE.get(name, (1, 2))[1]
            ours, theirs = [], []
            for _ in range(ROUNDS):
                ours.append(run(name, [program, model, str(batch), str(size), str(threads), str(lowest), str(STEPS)]))
                theirs.append(run(name, [sys.executable, __file__, "--torch", name, minilm]))
            median = lambda runs: statistics.median(r["median"] for r in runs)
            peak = lambda runs: max(r["peak_kb"] for r in runs) / 1024
            print(
                f"{name:<14}{median(ours):>8.3f} s{median(theirs):>8.3f} s{median(theirs) / median(ours):>7.2f}x"
                f"{peak(ours):>8.0f} /{peak(theirs):>5.0f} MiB",
                flush=True,
            )


if __name__ == "__main__":
    if sys.argv[1] == "--torch":
        torch_step(sys.argv[2], sys.argv[3])
    else:
        compare(sys.argv[1], sys.argv[2], sys.argv[3:] or list(WORK))
