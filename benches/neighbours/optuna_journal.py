"""Whether Optuna reads a study's journal as its tables tell the study, and can go on with it.

    thawline report STUDY --optuna
    python3 -m venv ENV && ENV/bin/pip install optuna==5.0.0 optuna-dashboard==0.21.0
    ENV/bin/python benches/neighbours/optuna_journal.py STUDY [--dashboard]

--dashboard asks optuna-dashboard for the study, too. What it does not show: how a dashboard looks.
"""

import csv
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import warnings

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState

STATES = {"complete": TrialState.COMPLETE, "failed": TrialState.FAIL, "running": TrialState.RUNNING}
PORT = 18_765


def rows(study, table):
    with open(study / "tables" / f"{table}.csv", newline="") as file:
        return list(csv.DictReader(file))


def load(journal):
    return optuna.load_study(study_name=None, storage=JournalStorage(JournalFileBackend(str(journal))))


def same(told, found):
    """Of a cell of a table and a value of Optuna's."""
    if isinstance(found, bool) or found is None:
        return told == {True: "true", False: "false", None: "None"}[found]
    if isinstance(found, (int, float)):
        return math.isclose(float(told), found, rel_tol=1e-12)
    return told == found


def compare(folder, study):
    single = len(study.directions) == 1
    metric = study.metric_names[0]
    finished = study.user_attrs["finished"]
    trials = rows(folder, "trials")
    curves = {}
    for row in rows(folder, "curves"):
        curves.setdefault(int(row["trial"]), {})[int(row["examples"])] = float(row[f"validation_{metric}"])
    searched = sorted({name for trial in study.trials for name in trial.distributions})
    assert set(searched) <= set(trials[0]) if trials else True, (searched, trials[0].keys())
    assert len(trials) == len(study.trials), (len(trials), len(study.trials))
    counts = {}
    for row, trial in zip(trials, study.trials, strict=True):
        number = int(row["trial"])
        trial._validate()
        expected = STATES.get(row["phase"], TrialState.PRUNED if finished else TrialState.RUNNING)
        assert trial.number == number and trial.state == expected, (number, trial.state, expected)
        outside = trial.user_attrs.get("outside_the_space", {})
        # The tables leave a finalist's parameters to the trial whose config it has.
        of = trials[int(row["parent"])] if row["parent"] else row
        for name in searched:
            assert (of[name] == "") == (name not in trial.params and name not in outside), (number, name)
            assert name not in trial.params or same(of[name], trial.params[name]), (number, name, of[name], trial.params[name])
        if trial.state == TrialState.COMPLETE:
            assert math.isclose(float(row["final_value"]), trial.values[0], rel_tol=1e-12), number
        if single:
            assert trial.intermediate_values.keys() == curves.get(number, {}).keys(), number
            for step, value in trial.intermediate_values.items():
                told = curves[number][step]
                assert math.isclose(value, told, rel_tol=1e-12) or (math.isnan(value) and math.isnan(told)), (number, step)
        assert (trial.user_attrs.get("cause") or "") == row["cause"] and trial.user_attrs["kind"] == row["kind"], number
        assert trial.user_attrs.get("recipe", "") == row["recipe"], number
        counts[trial.state.name.lower()] = counts.get(trial.state.name.lower(), 0) + 1
    return counts


def best(folder, study):
    """Optuna's best of all against Thawline's, which does not take a finalist's luckiest training."""
    if len(study.directions) > 1:
        front = {int(row["trial"]) for row in rows(folder, "pareto")} if (folder / "tables/pareto.csv").exists() else set()
        found = {trial.number for trial in study.best_trials}
        searched = {trial.number for trial in study.best_trials if trial.user_attrs["kind"] != "finalist"}
        # Equal values share Optuna's front, and a finalist's further trainings may beat those of the search.
        assert searched <= front or not front, (searched, front)
        return f"front {sorted(found)}, of the search's {sorted(front)}"
    try:
        found = study.best_trial
    except ValueError as none:
        return f"no best trial: {none}"
    first = int(rows(folder, "leaderboard")[0]["trial"])
    if not (folder / "tables/finalists.csv").exists():
        assert found.value == study.trials[first].value, (found.number, first)
    return f"best_trial {found.number} ({found.value}), leaves the study: {study.user_attrs['best_training']} ({study.user_attrs['best_training_is']})"


def go_on(journal):
    """Asks for ten more trials on a copy, with every parameter that some trial has, as a user's objective would."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = shutil.copy(journal, scratch)
        study = load(copy)
        study.sampler = optuna.samplers.TPESampler(seed=0)
        before = study.trials
        distributions = {name: found for trial in before for name, found in trial.distributions.items()}
        fixed = {name: found for name, found in distributions.items() if all(name in trial.distributions for trial in before)}
        for number in range(10):
            trial = study.ask(fixed)
            for name, found in distributions.items():
                if name not in fixed:
                    trial._suggest(name, found)
            if len(study.directions) == 1 and number % 3 == 1:
                trial.report(0.1, step=100)
                trial.should_prune()
                study.tell(trial, state=TrialState.PRUNED)
            else:
                study.tell(trial, [0.2] * len(study.directions))
        again = load(copy)
        assert len(again.trials) == len(before) + 10 and [t.number for t in again.trials] == list(range(len(again.trials)))
        assert again.trials[: len(before)] == before
        if len(study.directions) == 1:
            evaluator = optuna.importance.PedAnovaImportanceEvaluator()
            return optuna.importance.get_param_importances(load(journal), evaluator=evaluator)
    return {}


def dashboard(journal):
    command = [pathlib.Path(sys.executable).parent / "optuna-dashboard", str(journal), "--host", "127.0.0.1", "--port", str(PORT)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                studies = json.load(urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/studies"))
                break
            except OSError:
                time.sleep(0.2)
        identifier = studies["study_summaries"][0]["study_id"]
        found = json.load(urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/studies/{identifier}?after=0"))
        return len(found["trials"])
    finally:
        server.terminate()
        server.wait()


def main():
    folder = pathlib.Path(sys.argv[1])
    journal = folder / "optuna/journal.log"
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("error", UserWarning)
    start = time.perf_counter()
    study = load(journal)
    counts = compare(folder, study)
    print(f"optuna {optuna.__version__}: {study.study_name!r}, {len(study.trials)} trials, {counts}, {journal.stat().st_size:,} bytes, "
          f"read and compared in {time.perf_counter() - start:.2f} s")
    print(best(folder, study))
    warnings.simplefilter("default")
    print("went on with ten more; importance:", {name: round(value, 3) for name, value in go_on(journal).items()})
    if "--dashboard" in sys.argv:
        import optuna_dashboard

        assert dashboard(journal) == len(study.trials)
        print(f"optuna-dashboard {optuna_dashboard.__version__} has all of them")


if __name__ == "__main__":
    main()
