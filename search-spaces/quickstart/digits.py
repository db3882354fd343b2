"""The UCI handwritten digits as IDX files.

    python3 -m pip download --no-deps scikit-learn==1.5.2
    unzip scikit_learn-*.whl sklearn/datasets/data/digits.csv.gz
    python3 digits.py sklearn/datasets/data/digits.csv.gz

writes digits-images-idx3-ubyte.gz and digits-labels-idx1-ubyte.gz beside this file. Greys from 0 to 16 become greys from 0 to 255.
"""

import gzip
import pathlib
import struct
import sys

here = pathlib.Path(__file__).parent
rows = [[int(float(value)) for value in line.split(",")] for line in gzip.open(sys.argv[1], "rt").read().split()]
images = bytes(min(value * 16, 255) for row in rows for value in row[:-1])
labels = bytes(row[-1] for row in rows)
for name, header, body in [
    ("digits-images-idx3-ubyte.gz", struct.pack(">BBBBIII", 0, 0, 8, 3, len(rows), 8, 8), images),
    ("digits-labels-idx1-ubyte.gz", struct.pack(">BBBBI", 0, 0, 8, 1, len(rows)), labels),
]:
    # No time of day in the file: the same bytes at every call.
    (here / name).write_bytes(gzip.compress(header + body, 9, mtime=0))
print(len(rows), "digits")
