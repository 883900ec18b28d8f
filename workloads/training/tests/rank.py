"""One process of several: `rank.py JOBS.json PORT…` trains each job, at its own rendezvous."""

import json
import os
import sys
from pathlib import Path

from cnai_training import config, job, train

if __name__ == "__main__":
    for (name, settings), port in zip(json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:], strict=True):
        os.environ["MASTER_PORT"] = port
        train.run(job.job(name, config.build(config.Config, settings, "")))
