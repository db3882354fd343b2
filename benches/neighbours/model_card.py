"""Whether huggingface_hub reads the model card of a folder, and its results are those of the folder's manifest.

    python3 -m venv ENV && ENV/bin/pip install huggingface_hub==2.4.0 markdown
    ENV/bin/python benches/neighbours/model_card.py MODEL_DIR [PAGE.html]

PAGE.html is the card as a web page, to look at. What it does not show: what the hub itself makes of the card (`ModelCard.validate` asks it).
"""

import json
import pathlib
import sys

import huggingface_hub
import markdown
import yaml
from huggingface_hub import ModelCard
from huggingface_hub.repocard_data import model_index_to_eval_results

NAMES = {"accuracy": "accuracy", "f1": "macro_f1", "matthews_correlation": "matthews"}


def main():
    folder = pathlib.Path(sys.argv[1])
    text = (folder / "README.md").read_text()
    # Strict: an error where the hub's reader would guess.
    card = ModelCard(text, ignore_metadata_errors=False)
    data = card.data.to_dict()
    assert yaml.safe_load(text.split("\n---\n")[0])["pipeline_tag"] == data["pipeline_tag"]
    assert data["library_name"] == "transformers" and "thawline" in data["tags"], data
    results = card.data.eval_results or []
    manifest = folder / "thawline.json"
    if manifest.exists():
        measured = json.loads(manifest.read_text())["measured"]
        for result in results:
            told = measured[result.dataset_split]["metrics"][NAMES[result.metric_type]]
            assert abs(result.metric_value - told) < 1e-6, (result, told)
    if data.get("model-index"):
        name, again = model_index_to_eval_results(data["model-index"])
        assert len(again) == len(results) and name, data["model-index"]
    shown = [f"{result.metric_name} {result.metric_value}" for result in results]
    print(f"huggingface_hub {huggingface_hub.__version__}: {data.get('license')}, {data['pipeline_tag']}, {data.get('base_model')}, {shown}")
    if len(sys.argv) > 2:
        body = markdown.markdown(card.text, extensions=["tables", "fenced_code", "sane_lists"])
        style = "body{font:16px sans-serif;max-width:60em;margin:2em auto}td,th{border:1px solid #ccc;padding:.2em .6em}table{border-collapse:collapse}"
        page = f"<!doctype html><meta charset=utf-8><style>{style}pre{{background:#f4f4f4;padding:1em}}</style>{body}"
        pathlib.Path(sys.argv[2]).write_text(page)


if __name__ == "__main__":
    main()
