"""`python -m cnai.sandbox.cloud PACKAGE [ENGINE_ADDRESS]`: how the shims on PATH start the plugin."""

import sys

from cnai.plugin.process import serve
from cnai.sandbox.cloud.servicer import Servicer

if __name__ == "__main__":
    package = sys.argv[1]
    serve(lambda address: Servicer(package, address), sys.argv[2:])
