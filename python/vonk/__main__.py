"""`python -m vonk …` is `vonk …`."""

import os
import sys

from vonk._binary import find_binary


def main():
    binary = find_binary()
    os.environ.setdefault("VONK_PYTHON", sys.executable)
    os.execv(binary, [binary, *sys.argv[1:]])


if __name__ == "__main__":
    main()
