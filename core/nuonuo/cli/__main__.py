"""`python -m nuonuo.cli`."""

import sys

from nuonuo.cli import main

if __name__ == "__main__":
    sys.exit(main())
