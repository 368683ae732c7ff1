"""`python -m gvt` and `accelerate launch -m gvt`: the same as the command `gvt`."""

import sys

from gvt.cli import main

if __name__ == "__main__":
    sys.exit(main())
