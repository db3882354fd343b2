"""Normalised regret on learning-curve tables: Thawline's search and Optuna's, one worker, in the same run.

python3 -m venv ENV && ENV/bin/pip install optuna==5.0.0 numpy
ENV/bin/python benches/tables/peers.py target/release/thawline benches/tables/digits.jsonl [MORE_TABLES] [--seeds 10] [--budget 40]

Both are scored alike: a config is answered by the nearest recorded run, a point of its curve costs its share of that run, and what counts is the
best value at any point seen by then. 0 is the table's best, 1 the median of its runs. It does not show how long a search thinks, nor what training
would give where no run was recorded.
"""
import argparse
import gzip
import json
import math
import statistics
import subprocess

import numpy
import optuna

BUDGETS = [3, 5, 10, 20, 40]


class Table:
    def __init__(self, path):
        with (gzip.open if str(path).endswith(".gz") else open)(path, "rt") as lines:
            self.header = json.loads(next(lines))
            rows = [json.loads(line) for line in lines]
        self.axes = self.header["hyperparameters"]
        sign = 1.0 if self.header["direction"] == "minimize" else -1.0
        self.sign = sign
        self.curves = [[math.inf if value is None else sign * value for value in row["curve"]] for row in rows]
        self.costs = [row["cost"] for row in rows]
        self.places = numpy.array([self.place(row["config"]) for row in rows])
        bests = sorted(min(curve) for curve in self.curves)
        finite = [best for best in bests if math.isfinite(best)]
        self.best, self.median = finite[0], statistics.median(finite)
        self.worst = max(value for curve in self.curves for value in curve if math.isfinite(value))

    def place(self, config):
        def unit(name, axis):
            low, high, value = axis["low"], axis["high"], config[name]
            if axis.get("log"):
                low, high, value = math.log(low), math.log(high), math.log(max(value, 1e-300))
            return (value - low) / (high - low)

        return [unit(name, axis) for name, axis in sorted(self.axes.items())]

    def nearest(self, config):
        return int(((self.places - self.place(config)) ** 2).sum(axis=1).argmin())

    def regrets(self, trace, budget):
        """`trace`: pairs of cost and value, lower is better, by cost."""

        def at(limit):
            seen = [value for cost, value in trace if cost <= limit * (1 + 1e-12)]
            return (min(seen, default=self.worst) - self.best) / (self.median - self.best)

        return [at(limit) for limit in BUDGETS if limit <= budget]


def optuna_trace(table, seed, budget, pruner):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    points = len(table.curves[0])
    spent, trace = 0.0, []

    def objective(trial):
        nonlocal spent

        def suggest(name, axis):
            of = trial.suggest_int if axis["type"] == "int" else trial.suggest_float
            return of(name, axis["low"], axis["high"], log=axis.get("log", False))

        row = table.nearest({name: suggest(name, axis) for name, axis in table.axes.items()})
        best = math.inf
        for point, value in enumerate(table.curves[row], 1):
            if spent >= budget:
                trial.study.stop()
                raise optuna.TrialPruned
            spent += table.costs[row] / points
            if not math.isfinite(value):
                raise optuna.TrialPruned
            trace.append((spent, value))
            best = min(best, value)
            trial.report(value, point)
            if point < points and trial.should_prune():
                raise optuna.TrialPruned
        return best

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner)
    study.optimize(objective)
    return trace


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("tables", nargs="+")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budget", type=float, default=40)
    asked = parser.parse_args()
    pruners = {
        "Optuna, TPE, full length": optuna.pruners.NopPruner,
        "Optuna, TPE + successive halving": lambda: optuna.pruners.SuccessiveHalvingPruner(reduction_factor=3),
        "Optuna, TPE + Hyperband": lambda: optuna.pruners.HyperbandPruner(reduction_factor=3),
    }
    found = {name: [] for name in ["Thawline", *pruners]}
    for path in asked.tables:
        table = Table(path)
        command = [asked.program, "simulate", path, "--json", "--seeds", str(asked.seeds), "--budget", str(asked.budget)]
        for line in subprocess.check_output(command, text=True).splitlines():
            trace = [(cost, table.sign * value) for cost, value in json.loads(line)["trace"]]
            found["Thawline"].append(table.regrets(trace, asked.budget))
        for name, pruner in pruners.items():
            found[name] += [table.regrets(optuna_trace(table, seed, asked.budget, pruner()), asked.budget) for seed in range(asked.seeds)]
    print(f"mean normalised regret of {len(asked.tables)} tables, {asked.seeds} seeds, after", [limit for limit in BUDGETS if limit <= asked.budget], "full runs")
    for name, regrets in found.items():
        print(f"{name:34}", "  ".join(f"{statistics.mean(column):.3f}" for column in zip(*regrets)))


if __name__ == "__main__":
    main()
