"""Turns a study in which every trial ran its full length into a table of learning curves for `thawline simulate`.

    python3 benches/tables/record.py STUDY_FOLDER NAME POINTS > benches/tables/NAME.jsonl

Of each curve, POINTS evaluations at even distances are kept; a trial that failed has null from there on. Parameters become hyperparameters, with
the bounds that the trials fill; all must be numbers, so the space has no choices. The cost is the seconds of a trial over their median.
"""

import collections
import csv
import json
import math
import pathlib
import statistics
import sys

LOG = ("learning_rate", "weight_decay", "l2", "epsilon")


def main():
    folder, name, points = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with open(folder / "tables" / "trials.csv") as file:
        trials = [row for row in csv.DictReader(file) if row["kind"] == "search"]
    curves = collections.defaultdict(dict)
    with open(folder / "tables" / "curves.csv") as file:
        for row in csv.DictReader(file):
            curves[row["trial"]][int(row["step"])] = float(row["validation_accuracy"])
    known = list(trials[0])
    parameters = known[known.index("cause") + 1 :]
    bounds = {}
    for path in parameters:
        values = [float(row[path]) for row in trials]
        whole = all(value.is_integer() for value in values)
        log = path.rsplit(".", 1)[-1] in LOG or path == "batch_size"
        bounds[path] = {"type": "int" if whole else "float", "low": min(values), "high": max(values), "log": log}
    middle = statistics.median(float(row["seconds"]) for row in trials)
    source = "recorded with Thawline, see README.md"
    header = {"name": name, "metric": "accuracy", "direction": "maximize", "points": points, "configs": len(trials)}
    print(json.dumps(header | {"hyperparameters": bounds, "source": source, "licence": "MIT OR Apache-2.0"}))
    for row in trials:
        full = int(row["steps_full"])
        at = [round(full * (point + 1) / points) for point in range(points)]
        seen = curves[row["trial"]]
        curve = [next((seen[step] for step in (a, a - 1, a + 1) if step in seen), None) for a in at]
        config = {path: float(row[path]) for path in parameters}
        cost = round(float(row["seconds"]) / middle, 4)
        print(json.dumps({"config": config, "cost": cost, "curve": [value and round(value, 6) for value in curve]}))
        if any(value is None or math.isnan(value) for value in curve) and row["phase"] == "complete":
            sys.exit(f"trial {row['trial']} has no evaluation at one of {at}: {sorted(seen)}")


if __name__ == "__main__":
    main()
