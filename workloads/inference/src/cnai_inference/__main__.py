"""`python -m cnai_inference`."""

import sys

from cnai_inference.cli import main

sys.exit(main())
