"""A file of vectors in, how many samples a second the reference evaluates out."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from tests.reference import run


def main(path: str) -> None:
    vectors = json.loads(Path(path).read_text())["vectors"]
    samples = sum("s" in step for vector in vectors for step in vector["steps"])
    begun = time.perf_counter()
    rounds = 0
    while (spent := time.perf_counter() - begun) < 1.0:
        run(vectors)
        rounds += 1
    sys.stdout.write(f"{len(vectors)} vectors, {samples} samples: {samples * rounds / spent:,.0f} samples/s\n")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m tests.reference VECTORS.json")
    main(sys.argv[1])
