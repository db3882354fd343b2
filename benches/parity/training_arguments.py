"""Whether transformers' TrainingArguments take what `thawline best` says of a study, in JSON and in YAML.

    python training_arguments.py THAWLINE STUDY [STUDY ...]

Needs transformers, accelerate and pyyaml. Exit code 1: a field is not taken, is taken as something else, or the two formats differ.
"""

import json
import subprocess
import sys

import transformers
import yaml
from transformers import TrainingArguments


def main(program, *studies):
    for study in studies:
        text = {format: subprocess.run([program, "best", study, "--format", format], check=True, capture_output=True, text=True).stdout for format in ("json", "yaml")}
        best = json.loads(text["json"])
        assert yaml.safe_load(text["yaml"]) == best, "JSON and YAML differ"
        given = best["training_arguments"]
        arguments = TrainingArguments(**given, use_cpu=True)
        for name, value in given.items():
            taken = getattr(arguments, name)
            taken = getattr(taken, "value", taken)
            assert taken == value, f"{name}: {taken!r} in place of {value!r}"
        print(f"{study}: {len(given)} arguments, beside them {', '.join(best['not_in_training_arguments']) or 'nothing'}")
    print(f"transformers {transformers.__version__}")


if __name__ == "__main__":
    main(*sys.argv[1:])
