"""Whether pandas, polars and DuckDB read a study's tables alike, and CSV as Parquet.

    cargo run --release -p reports --example sample -- /tmp/sample 1000 3 0 goals again
    pip install pandas==3.1.1 polars==2.1.0 duckdb==2.0.1 pyarrow==26.0.1
    python check.py /tmp/sample/tables

Each table is read from Parquet by all three, and from CSV by all three with the types that Parquet has. Cells must be the same, nothing (null) and
NaN apart. Says how many cells there were of each kind; ends with 1 at the first that differs.
"""
import math
import sys
from pathlib import Path

import duckdb
import pandas
import polars

NOTHING, NAN = "nothing", "NaN"


def cell(value):
    """One form for all readers."""
    if value is None or value is pandas.NA:
        return NOTHING
    if isinstance(value, float) and math.isnan(value):
        return NAN
    return value.item() if hasattr(value, "item") else value


def of_polars(frame):
    return {name: [cell(value) for value in frame[name].to_list()] for name in frame.columns}


def of_duckdb(relation):
    names, rows = relation.columns, relation.fetchall()
    return {name: [cell(row[place]) for row in rows] for place, name in enumerate(names)}


def of_pandas_parquet(path):
    # The line of the tables' README. Cells one by one would come as Python's floats, in which pandas has NaN for nothing.
    frame = pandas.read_parquet(path, dtype_backend="pyarrow")
    return {name: [cell(value) for value in frame[name].array._pa_array.to_pylist()] for name in frame.columns}


def of_pandas_csv(path, schema):
    """As text, with nothing but an empty cell for nothing, then by type."""
    frame = pandas.read_csv(path, dtype=str, keep_default_na=False, na_values=[])
    kinds = {polars.String: str, polars.Boolean: lambda text: {"true": True, "false": False}[text]}

    def convert(text, kind):
        if text == "":
            return NOTHING
        make = kinds.get(kind, float if kind in (polars.Float64, polars.Float32) else int)
        return cell(make(text))

    return {name: [convert(text, schema[name]) for text in frame[name]] for name in frame.columns}


def of_duckdb_csv(path, parquet):
    types = dict(zip(parquet.columns, map(str, parquet.types)))
    relation = duckdb.read_csv(str(path), header=True, dtype=types, quotechar='"', escapechar='"', sep=",")
    return of_duckdb(relation)


def same(a, b):
    return a == b or (isinstance(a, float) and isinstance(b, float) and math.isclose(a, b, rel_tol=1e-15))


def compare(table, reader, expected, found):
    if list(expected) != list(found):
        sys.exit(f"{table}, {reader}: columns {list(found)}, not {list(expected)}")
    for name, cells in expected.items():
        if len(cells) != len(found[name]):
            sys.exit(f"{table}.{name}, {reader}: {len(found[name])} rows, not {len(cells)}")
        for row, (a, b) in enumerate(zip(cells, found[name])):
            if not same(a, b):
                sys.exit(f"{table}.{name}, row {row}, {reader}: {b!r}, not {a!r}")


def check(path):
    csv = path.with_suffix(".csv")
    frame = polars.read_parquet(path)
    expected = of_polars(frame)
    parquet = duckdb.sql(f"SELECT * FROM read_parquet('{path}')")
    compare(path.stem, "DuckDB, Parquet", expected, of_duckdb(parquet))
    compare(path.stem, "pandas, Parquet", expected, of_pandas_parquet(path))
    compare(path.stem, "polars, CSV", expected, of_polars(polars.read_csv(csv, schema=frame.schema)))
    compare(path.stem, "DuckDB, CSV", expected, of_duckdb_csv(csv, parquet))
    compare(path.stem, "pandas, CSV", expected, of_pandas_csv(csv, frame.schema))
    cells = [value for column in expected.values() for value in column]
    print(f"{path.stem}: {frame.height} rows, {frame.width} columns, {cells.count(NOTHING)} empty, {cells.count(NAN)} NaN")


def main():
    folder = Path(sys.argv[1])
    paths = sorted(folder.glob("*.parquet"))
    if not paths:
        sys.exit(f"there are no tables in {folder}")
    if {path.stem for path in paths} != {path.stem for path in folder.glob("*.csv")}:
        sys.exit("Parquet and CSV are not of the same tables")
    for path in paths:
        check(path)
    print(f"{len(paths)} tables are the same with pandas {pandas.__version__}, polars {polars.__version__} and DuckDB {duckdb.__version__}")


if __name__ == "__main__":
    main()
