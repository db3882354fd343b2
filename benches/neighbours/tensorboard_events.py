"""Whether TensorBoard reads a study's event files as its tables tell the study.

    thawline report STUDY --tensorboard
    python3 -m venv ENV && ENV/bin/pip install tensorboard==2.21.0
    ENV/bin/python benches/neighbours/tensorboard_events.py STUDY

Three readers: the event accumulator of TensorBoard's own code, the server with that (`--load_fast=false`), and the server with the data server
(`--load_fast=true`), which is a reader of its own. What it does not show: how the tabs look.
"""

import csv
import json
import math
import pathlib
import struct
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import tensorboard
from tensorboard.backend.event_processing import event_accumulator

PORT = 18_766
STATUS = {"complete": "STATUS_SUCCESS", "failed": "STATUS_FAILURE", "running": "STATUS_RUNNING", "paused": ("STATUS_SUCCESS", "STATUS_RUNNING")}


def rows(study, table):
    with open(study / "tables" / f"{table}.csv", newline="") as file:
        return list(csv.DictReader(file))


def single(value):
    return struct.unpack("f", struct.pack("f", value))[0]


def same(told, found):
    told = single(float(told))
    return told == found or (math.isnan(told) and math.isnan(found))


def curves(study):
    """By trial: tag to (examples, value)."""
    found = {}
    for row in rows(study, "curves"):
        for name, value in row.items():
            tag = "train/loss" if name == "train_loss" else name.replace("validation_", "validation/", 1)
            if "/" in tag:
                found.setdefault(int(row["trial"]), {}).setdefault(tag, []).append((int(row["examples"]), value))
    return found


def accumulate(logs, trials, told):
    points = 0
    for row in trials:
        number = int(row["trial"])
        run = event_accumulator.EventAccumulator(str(logs / f"trial-{number:04}"), size_guidance={"scalars": 0})
        run.Reload()
        tags = run.Tags()["scalars"]
        for tag, expected in told.get(number, {}).items():
            found = [(event.step, event.value) for event in run.Scalars(tag)]
            assert len(found) == len(expected), (number, tag)
            assert all(a == b and same(x, y) for (a, x), (b, y) in zip(expected, found)), (number, tag, expected, found)
            times = [event.wall_time for event in run.Scalars(tag)]
            assert times == sorted(times), (number, tag)
            points += len(found)
        reached = [row[f"value_rung_{rung}"] for rung in range(int(row["rungs_reached"]))]
        if row["kind"] != "finalist" and row["stopped_early"] == "false" and reached:
            ranked = [event.value for event in run.Scalars("trial/value")]
            assert len(ranked) == len(reached) and all(map(same, reached, ranked)), (number, reached, ranked)
        assert any(tag.startswith("learning_rate/") for tag in tags) or not told.get(number), number
    return points


def get(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{PORT}{path}", data, {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request, timeout=60))


def session_groups(columns):
    statuses = ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"]
    body = {"startIndex": 0, "sliceSize": 100_000, "allowedStatuses": statuses, "colParams": columns, "aggregationType": "AGGREGATION_AVG"}
    return get("/experiment/defaultExperimentId/data/plugin/hparams/session_groups", body)["sessionGroups"]


def serve(logs, trials, told, fast):
    """What the web page would ask for, and how long until all of it is there."""
    binary = pathlib.Path(sys.executable).parent / "tensorboard"
    command = [binary, "--logdir", str(logs), "--host", "127.0.0.1", "--port", str(PORT), f"--load_fast={str(fast).lower()}"]
    start = time.perf_counter()
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            assert time.perf_counter() - start < 120, "the server does not read everything"
            try:
                # The last thing of the last file to be read.
                groups = session_groups([])
                if sum(len(group["sessions"]) for group in groups) == len(trials):
                    break
            except OSError:
                pass
            time.sleep(0.2)
        seconds = time.perf_counter() - start
        experiment = get("/experiment/defaultExperimentId/data/plugin/hparams/experiment", {})
        names = [info["name"] for info in experiment["hparamInfos"]]
        assert set(names) <= set(trials[0]) if trials else True, names
        by_name = {session["name"]: (group, session) for group in groups for session in group["sessions"]}
        for row in trials:
            group, session = by_name[f"trial-{int(row['trial']):04}"]
            assert session["status"] in STATUS[row["phase"]], (row["trial"], session["status"])
            if row["kind"] == "finalist":
                assert group["name"] == f"trial-{int(row['parent']):04}", group["name"]
                continue
            for name in names:
                value = group["hparams"].get(name)
                assert (value is None) == (row[name] == ""), (row["trial"], name, value)
                if isinstance(value, float):
                    assert math.isclose(float(row[name]), value, rel_tol=1e-12), (row["trial"], name, value)
                elif value is not None:
                    assert str(value) == row[name], (row["trial"], name, value)
            values = {metric["name"]["tag"]: metric["value"] for metric in session["metricValues"]}
            if row["final_value"] not in ("", "NaN"):
                assert same(row["final_value"], values["trial/value"]), (row["trial"], values)
        # Curves as the SCALARS tab asks for them.
        shown = next((int(row["trial"]) for row in trials if int(row["trial"]) in told), None)
        if shown is not None:
            for tag, expected in told[shown].items():
                query = urllib.parse.urlencode({"run": f"trial-{shown:04}", "tag": tag})
                found = get(f"/experiment/defaultExperimentId/data/plugin/scalars/scalars?{query}")
                assert [point[1] for point in found] == [examples for examples, _ in expected], tag
        causes = get("/experiment/defaultExperimentId/data/plugin/text/tags")
        failed = [row for row in trials if row["phase"] == "failed" and row["cause"]]
        assert len(causes) == len(failed), (len(causes), len(failed))
        return len(groups), len(names), seconds
    finally:
        server.terminate()
        server.wait()


def main():
    study = pathlib.Path(sys.argv[1])
    logs = study / "tensorboard"
    trials, told = rows(study, "trials"), curves(study)
    files = [file for file in logs.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    start = time.perf_counter()
    points = accumulate(logs, trials, told)
    print(f"tensorboard {tensorboard.__version__}: {len(files):,} files, {size:,} bytes; {points:,} points of {len(trials):,} trials compared "
          f"in {time.perf_counter() - start:.1f} s")
    for fast in (False, True):
        groups, names, seconds = serve(logs, trials, told, fast)
        reader = "data server" if fast else "own reader"
        print(f"{reader}: {groups:,} rows with {names} parameters in the HParams tab, all there after {seconds:.1f} s")


if __name__ == "__main__":
    main()
