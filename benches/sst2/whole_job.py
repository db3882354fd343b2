"""A whole search of Thawline against one with Optuna and PyTorch, in turn on the same machine: seconds to the end and to a given accuracy.

    python3 benches/sst2/whole_job.py target/release/thawline OPTUNA_SCRIPT MINILM_FOLDER SST2_FOLDER WORK_FOLDER [SEED]

Both search 16 configs over the space of whole_job.ron, on the same 2,000 sentences. OPTUNA_SCRIPT is `optuna_torch_text.py`: arguments MODEL
TRAIN DEV, one JSON line a trial (`t` seconds since the model was there, `acc`) and a summary line. It keeps the first 2,000 sentences of the order
that `random.Random(0)` gives, and so does this script. A search whose best is below the peer's goes on with further configs, as long as it has
taken less than the peer's whole time. SEED is Thawline's. WORK_FOLDER takes the data, the study and the outputs. Needs torch, transformers and optuna.
"""

import csv
import json
import pathlib
import random
import shutil
import subprocess
import sys
import time

TRIALS, SENTENCES = 16, 2000


def prepare(data, work):
    work.mkdir(parents=True)
    with open(data / "train.tsv", encoding="utf-8") as file:
        rows = [line.rstrip("\n") + "\n" for line in file if line.rsplit("\t", 1)[1].strip().lstrip("-").isdigit()]
    random.Random(0).shuffle(rows)
    (work / "train.tsv").write_text("".join(rows[:SENTENCES]), encoding="utf-8")
    shutil.copy(data / "dev.tsv", work)
    return shutil.copy(pathlib.Path(__file__).parent / "whole_job.ron", work)


def thawline(binary, space, work, trials, seed):
    start = time.monotonic()
    with open(work / "thawline.log", "a") as log:
        command = [binary, "sweep", space, "--study", work / "study", "--trials", str(trials), "--seed", seed]
        subprocess.run(command, check=True, stdout=log, stderr=log)
    seconds = time.monotonic() - start
    with open(work / "study" / "tables" / "curves.csv") as file:
        points = [(float(row["at_seconds"]), float(row["validation_accuracy"])) for row in csv.DictReader(file)]
    return seconds, sorted(points)


def peer(script, model, data, work):
    start = time.monotonic()
    with open(work / "peer.log", "w") as log:
        command = [sys.executable, script, model, data / "train.tsv", data / "dev.tsv"]
        command += ["--trials", str(TRIALS), "--epochs", "3", "--train", str(SENTENCES)]
        subprocess.run(command, check=True, stdout=log, stderr=subprocess.DEVNULL)
    seconds = time.monotonic() - start
    lines = [json.loads(line) for line in open(work / "peer.log")]
    return seconds, sorted((line["t"], line["acc"]) for line in lines if "trial" in line)


def reached(points, accuracy):
    return next((at for at, value in points if value >= accuracy), None)


def main():
    binary, script, model, data, work = sys.argv[1], *map(pathlib.Path, sys.argv[2:6])
    seed = sys.argv[6] if len(sys.argv) > 6 else "0"
    space = prepare(data, work)
    ours, points = thawline(binary, space, work, TRIALS, seed)
    theirs, their_points = peer(script, model, data, work)
    best = max(value for _, value in their_points)
    print(f"to the end of {TRIALS} configs: Thawline {ours:.1f} s, peer {theirs:.1f} s: {theirs / ours:.2f}x")
    print(f"best development accuracy: Thawline {max(value for _, value in points):.4f}, peer {best:.4f}")
    trials, spent = TRIALS, ours
    while reached(points, best) is None and spent < theirs:
        trials += 4
        seconds, points = thawline(binary, space, work, trials, seed)
        spent += seconds
    first, second = reached(points, best), reached(their_points, best)
    if first is None:
        print(f"Thawline did not reach {best:.4f} with {trials} configs in {spent:.1f} s: best {max(value for _, value in points):.4f}")
    else:
        print(f"to {best:.4f}: Thawline {first:.1f} s ({trials} configs), peer {second:.1f} s: {second / first:.2f}x")


if __name__ == "__main__":
    main()
