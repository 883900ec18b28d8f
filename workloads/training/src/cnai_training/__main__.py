"""`python -m cnai_training` (and `torchrun -m cnai_training`) is `cnai-train`."""

from cnai_training.cli import main

if __name__ == "__main__":
    main()
