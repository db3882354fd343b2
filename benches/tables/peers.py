"""Normalised regret on learning-curve tables: Thawline's search, Optuna's and DEHB's, one worker, in the same run.

python3 -m venv ENV && ENV/bin/pip install optuna==5.0.0 dehb==0.1.2 numpy
ENV/bin/python benches/tables/peers.py target/release/thawline benches/tables/digits.jsonl [MORE_TABLES] [--seeds 10] [--budget 40] [--peers dehb]

After each peer's mean: by how much Thawline's is lower, with the 95 % interval of that over the seeds (a seed's mean over the tables is compared with the
peer's of the same seed).

All are scored alike: a config is answered by the nearest recorded run, a point of its curve costs its share of that run, and what counts is the
best value at any point seen by then. 0 is the table's best, 1 the median of its runs. It does not show how long a search thinks, nor what training
would give where no run was recorded.
"""
import argparse
import gzip
import json
import math
import statistics
import subprocess
import tempfile

import numpy

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
    import optuna

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

    pruners = {
        "none": optuna.pruners.NopPruner,
        "halving": lambda: optuna.pruners.SuccessiveHalvingPruner(reduction_factor=3),
        "hyperband": lambda: optuna.pruners.HyperbandPruner(reduction_factor=3),
    }
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruners[pruner]())
    study.optimize(objective)
    return trace


def dehb_trace(table, seed, budget):
    """A point of a row is paid for once, as if DEHB went on from checkpoints. So other configs that the same row answers cost it nothing, which helps it much
    on a table of few rows."""
    import ConfigSpace
    import dehb
    from loguru import logger

    logger.remove()
    points = len(table.curves[0])
    spent, trace, paid = 0.0, [], {}
    space = ConfigSpace.ConfigurationSpace(seed=seed)
    for name, axis in table.axes.items():
        if axis["low"] < axis["high"]:
            of = ConfigSpace.Integer if axis["type"] == "int" else ConfigSpace.Float
            space.add(of(name, (axis["low"], axis["high"]), log=axis.get("log", False)))

    def train(config, fidelity, **_):
        nonlocal spent
        config = dict(config)
        row = table.nearest({name: config.get(name, axis["low"]) for name, axis in table.axes.items()})
        value = math.inf
        for point in range(max(1, min(points, round(float(fidelity))))):
            value = table.curves[row][point]
            if point >= paid.get(row, 0):
                if spent >= budget:
                    break
                paid[row] = point + 1
                spent += table.costs[row] / points
                if math.isfinite(value):
                    trace.append((spent, value))
            if not math.isfinite(value):
                value = table.worst
                break
        return {"fitness": value, "cost": 1.0}

    least = max(1, points // 27) if points >= 20 else 1
    with tempfile.TemporaryDirectory() as folder:
        search = dehb.DEHB(
            f=train, cs=space, min_fidelity=least, max_fidelity=points, n_workers=1, seed=seed, output_path=folder, log_level="ERROR"
        )
        while spent < budget:
            search.run(fevals=50)
    return trace


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("tables", nargs="+")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--budget", type=float, default=40)
    parser.add_argument("--peers", nargs="+", default=[*PEERS], choices=[*PEERS])
    asked = parser.parse_args()
    # By search, then by seed, then by table.
    found = {name: [[] for _ in range(asked.seeds)] for name in ["Thawline", *asked.peers]}
    for path in asked.tables:
        table = Table(path)
        command = [asked.program, "simulate", path, "--json", "--seeds", str(asked.seeds), "--budget", str(asked.budget)]
        for line in subprocess.check_output(command, text=True).splitlines():
            study = json.loads(line)
            trace = [(cost, table.sign * value) for cost, value in study["trace"]]
            found["Thawline"][study["seed"]].append(table.regrets(trace, asked.budget))
        for name in asked.peers:
            for seed in range(asked.seeds):
                found[name][seed].append(table.regrets(PEERS[name](table, seed, asked.budget), asked.budget))
    print(f"mean normalised regret of {len(asked.tables)} tables, {asked.seeds} seeds, after", [limit for limit in BUDGETS if limit <= asked.budget], "full runs")
    means = {name: numpy.array(regrets).mean(axis=1) for name, regrets in found.items()}
    for name, regrets in means.items():
        print(f"{name:18}", "  ".join(f"{mean:15.3f}" for mean in regrets.mean(axis=0)))
        if name != "Thawline" and asked.seeds > 1:
            lower = regrets - means["Thawline"]
            errors = 1.96 * lower.std(axis=0, ddof=1) / math.sqrt(asked.seeds)
            print(f"{'  ours is lower by':18}", "  ".join(f"{mean:7.3f} +-{error:6.3f}" for mean, error in zip(lower.mean(axis=0), errors)))


PEERS = {
    "optuna": lambda *study: optuna_trace(*study, "none"),
    "optuna-halving": lambda *study: optuna_trace(*study, "halving"),
    "optuna-hyperband": lambda *study: optuna_trace(*study, "hyperband"),
    "dehb": dehb_trace,
}

if __name__ == "__main__":
    main()
