"""`python -m cnai.cli`, which is what `./cnai` runs."""

from cnai.cli.app import main

main()
