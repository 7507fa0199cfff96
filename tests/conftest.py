import os
import sys
from pathlib import Path

# `make` puts the virtual environment first on PATH; a test run started without it finds the packaged Node, too.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
