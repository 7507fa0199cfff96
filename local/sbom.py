"""The CycloneDX bill of materials of a built image: the Python and Debian packages in its root filesystem."""

import json
import sys
import tempfile
import venv
from pathlib import Path
from typing import Any

from local.image import REVISION, Image, run

SITE_PACKAGES = "lib/python3*/site-packages"


def write(image: Image, file: Path) -> int:
    """Write the bill of materials to a file; its number of components."""
    bill: dict[str, Any] = json.loads(_python(image))
    bill["components"] += _debian(image)
    labels = image.config["Labels"]
    bill["metadata"]["component"] = {
        "bom-ref": "image",
        "type": "container",
        "name": labels["org.opencontainers.image.title"],
        "version": labels[REVISION],
    }
    file.write_text(json.dumps(bill, indent=2) + "\n")
    return len(bill["components"])


def _python(image: Image) -> str:
    """A bill of the Python packages with their licences, read by an interpreter of ours from the image's folder."""
    (packages,) = image.root.glob(f"opt/venv/{SITE_PACKAGES}")
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch, with_pip=False)
        (own,) = Path(scratch).glob(SITE_PACKAGES)
        (own / "image.pth").write_text(f"{packages}\n")
        program = Path(sys.executable).with_name("cyclonedx-py")
        return run(str(program), "environment", "--output-reproducible", f"{scratch}/bin/python")


def _debian(image: Image) -> list[dict[str, str]]:
    form = "${Package} ${Version} ${Architecture}\n"
    listed = run("dpkg-query", f"--admindir={image.root}/var/lib/dpkg", "--show", f"--showformat={form}")
    packages = (line.split() for line in listed.splitlines())
    return [
        {
            "bom-ref": f"debian:{name}",
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:deb/debian/{name}@{version}?arch={architecture}",
        }
        for name, version, architecture in packages
    ]
