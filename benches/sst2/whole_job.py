"""A whole search of Thawline against one with Optuna and PyTorch, in turn on the same machine: seconds to the end and to a given accuracy.

    python3 benches/sst2/whole_job.py target/release/thawline OPTUNA_SCRIPT MINILM_FOLDER SST2_FOLDER WORK_FOLDER

Both search 16 configs on 2,000 sentences over the space of whole_job.ron. OPTUNA_SCRIPT is `optuna_torch_text.py`: arguments MODEL TRAIN DEV,
one JSON line a trial (`t` seconds since the model was there, `acc`) and a summary line. WORK_FOLDER takes the study and the outputs.
Needs torch, transformers and optuna.
"""

import csv
import json
import pathlib
import subprocess
import sys
import time


def thawline(binary, work):
    space = pathlib.Path(__file__).parent / "whole_job.ron"
    study = work / "study"
    start = time.monotonic()
    with open(work / "thawline.log", "w") as log:
        subprocess.run([binary, "sweep", space, "--study", study], check=True, stdout=log, stderr=log)
    seconds = time.monotonic() - start
    with open(study / "tables" / "curves.csv") as file:
        points = [(float(row["at_seconds"]), float(row["validation_accuracy"])) for row in csv.DictReader(file)]
    return seconds, sorted(points)


def peer(script, model, data, work):
    start = time.monotonic()
    with open(work / "peer.log", "w") as log:
        command = [sys.executable, script, model, data / "train.tsv", data / "dev.tsv", "--trials", "16", "--epochs", "3", "--train", "2000"]
        subprocess.run(command, check=True, stdout=log, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    lines = [json.loads(line) for line in open(work / "peer.log")]
    return seconds, sorted((line["t"], line["acc"]) for line in lines if "trial" in line)


def reached(points, accuracy):
    return next((at for at, value in points if value >= accuracy), None)


def main():
    binary, script, model, data, work = sys.argv[1], *map(pathlib.Path, sys.argv[2:6])
    work.mkdir(parents=True)
    ours, our_points = thawline(binary, work)
    theirs, their_points = peer(script, model, data, work)
    best = max(value for _, value in their_points)
    print(f"to the end: Thawline {ours:.1f} s, peer {theirs:.1f} s: {theirs / ours:.2f}x")
    print(f"best development accuracy: Thawline {max(value for _, value in our_points):.4f}, peer {best:.4f}")
    first, second = reached(our_points, best), reached(their_points, best)
    if first is None:
        print(f"Thawline did not reach {best:.4f}")
    else:
        print(f"to {best:.4f}: Thawline {first:.1f} s, peer {second:.1f} s: {second / first:.2f}x")


if __name__ == "__main__":
    main()
