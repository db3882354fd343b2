"""Seconds a suggestion of 8 parameters takes after so many observations: Thawline's default sampler and Optuna's TPE, in the same run.

python3 -m venv ENV && ENV/bin/pip install optuna==5.0.0 && cargo build --release -p benches --examples
ENV/bin/python benches/samplers/compare.py TARGET/release/examples/latency [OBSERVATIONS]
"""
import statistics
import subprocess
import sys
import time

import numpy
import optuna


def optuna_seconds(observations, suggestions, **settings):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    spaces = {f"p{i}": optuna.distributions.FloatDistribution(1e-6, 1.0, log=True) for i in range(5)}
    spaces |= {f"p{i}": optuna.distributions.FloatDistribution(0.0, 1.0) for i in range(5, 8)}
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=0, **settings))
    random = numpy.random.default_rng(1)
    trials = []
    for _ in range(observations):
        units = random.uniform(size=8)
        params = {f"p{i}": float(10 ** (6 * unit - 6)) if i < 5 else float(unit) for i, unit in enumerate(units)}
        trials.append(optuna.trial.create_trial(params=params, distributions=spaces, value=float(units.sum())))
    study.add_trials(trials)
    seconds = []
    for _ in range(suggestions):
        start = time.perf_counter()
        trial = study.ask()
        for name, space in spaces.items():
            trial.suggest_float(name, space.low, space.high, log=space.log)
        seconds.append(time.perf_counter() - start)
        study.tell(trial, state=optuna.trial.TrialState.FAIL)
    return statistics.median(seconds)


def main():
    program, observations = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    ours = [float(subprocess.check_output([program, "Forest", str(observations)])) for _ in range(3)]
    ours = statistics.median(ours)
    print(f"after {observations} observations: Thawline {ours * 1000:.2f} ms")
    # Parameter by parameter is what it did by default before version 5.
    for name, settings in [("as it comes", {}), ("parameter by parameter", {"multivariate": False})]:
        peer = optuna_seconds(observations, 7, **settings)
        print(f"Optuna {optuna.__version__} TPE, {name}: {peer * 1000:.0f} ms, {peer / ours:.0f} times")


if __name__ == "__main__":
    main()
