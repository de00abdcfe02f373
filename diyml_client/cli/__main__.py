"""`python -m diyml_client.cli`."""

import sys

from diyml_client.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
