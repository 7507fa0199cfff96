"""The image, built without a container engine: a base by debootstrap, then `buildah bud` of the service's Dockerfile.

root/    root filesystem of the image that was built last
store/   images, layers and the base, from which later builds start
run/     what buildah and runc know of what runs
"""

import ast
import configparser
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import LocalError

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "build/image"
# Programs, and the Debian packages that bring them.
TOOLS = {
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "runc": "runc",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "curl": "curl",
}
# What the public Python image has beside Debian's smallest.
BASE_PACKAGES = ("ca-certificates", "python3-venv")
# What that image leaves out, too.
LEFT_OUT = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt/lists",
)
REVISION = "org.opencontainers.image.revision"
COMPONENTS = {"debian": "main", "ubuntu": "main,universe"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A built image: its id, what it says of itself, and its root filesystem as a folder."""

    identity: str
    config: Mapping[str, Any]
    root: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Images in a folder: no engine sees them, and they are gone with the folder."""

    folder: Path = FOLDER

    def build(self, *, model: str, release: bool = False) -> Image:
        """Build the service's image. What has not changed since the last build is taken from there.

        Raises:
            LocalError: a tool is missing, or a step failed, whose own words are on the terminal.
        """
        need_tools()
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = {
            "BASE": self._base(),
            "MODEL": model,
            "COMMIT": commit(),
            "RELEASE": "1" if release else "",
        }
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            identity, root = Path(scratch) / "id", Path(scratch) / "root"
            root.mkdir()
            self._speak(
                *("bud", "--isolation", "chroot", "--layers", "--iidfile", str(identity)),
                *("--output", f"type=local,dest={root}"),
                *_pip_options(Path(scratch) / "pip.conf"),
                *(part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")),
                # Its cache does not see that an argument of the Dockerfile's own label has changed.
                *("--label", f"{REVISION}={arguments['COMMIT']}"),
                *("--file", str(ROOT / "service/Dockerfile"), str(ROOT)),
            )
            built = identity.read_text()
            # Only now: a build that fails leaves what there was.
            shutil.rmtree(self.root, ignore_errors=True)
            root.rename(self.root)
        config = json.loads(self._ask("inspect", "--type", "image", built))["OCIv1"]["config"]
        return Image(identity=built, config=config, root=self.root)

    @property
    def root(self) -> Path:
        """Root filesystem of the image that was built last."""
        return self.folder / "root"

    def packed_bytes(self, image: Image) -> int:
        """Size of an image's compressed layers: what a registry keeps and a task pulls."""
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            self._ask("push", "--quiet", image.identity, f"oci:{scratch}/image")
            return tree_bytes(Path(scratch))

    def _ask(self, *arguments: str) -> str:
        return run(*self._command, *arguments)

    def _speak(self, *arguments: str) -> None:
        try:
            subprocess.run([*self._command, *arguments], check=True, stdout=sys.stderr)
        except subprocess.CalledProcessError as error:
            raise LocalError(f"`buildah {arguments[0]}` ended with {error.returncode}; it says why above") from None

    @property
    def _command(self) -> tuple[str, ...]:
        # What it mounts ends with it.
        buildah = ("unshare", "--mount", "buildah")
        return (*buildah, "--root", str(self.folder / "store"), "--runroot", str(self.folder / "run/buildah"))

    def _base(self) -> str:
        """Name of the base image, which is made where the store has none of this release yet."""
        system = _system()
        name = f"localhost/base:{'.'.join((system['VERSION_CODENAME'], *BASE_PACKAGES))}"
        if not self._ask("images", "--quiet", "--filter", f"reference={name}"):
            with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
                root, archive = Path(scratch) / "root", Path(scratch) / "base.tar"
                _bootstrap(root, system)
                run("tar", "--create", "--file", str(archive), "--directory", str(root), "--numeric-owner", ".")
                container = self._ask("from", "scratch")
                self._ask("add", "--quiet", container, str(archive), "/")
                self._ask("commit", "--quiet", "--rm", container, name)
        return name


def need_tools() -> None:
    """Install what is missing.

    Raises:
        LocalError: this is not root, or there is no apt to install them with.
    """
    if os.geteuid() != 0:
        raise LocalError("user: got one without rights, expected root, who alone may build and run without an engine")
    missing = [package for program, package in TOOLS.items() if shutil.which(program) is None]
    if missing and shutil.which("apt-get") is None:
        raise LocalError(f"programs: {', '.join(missing)} missing, and no apt-get to install them with")
    if missing:
        run("apt-get", "update", "--quiet")
        run("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *missing)


def commit() -> str:
    """The commit that is built, marked where files differ from it; `unknown` outside a repository."""
    try:
        return run("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except LocalError:
        return "unknown"


def tree_bytes(*roots: Path) -> int:
    """Bytes of all files in folders, a file with two names counted once."""
    files = (path.lstat() for root in roots for path in root.rglob("*"))
    return sum({(facts.st_dev, facts.st_ino): facts.st_size for facts in files}.values())


def run(*command: str) -> str:
    """Standard output of a program.

    Raises:
        LocalError: it failed; holds the last line of what it said.
    """
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise LocalError(f"`{Path(command[0]).name}` ended with {done.returncode}: {said}")
    return done.stdout.strip()


def _bootstrap(root: Path, system: dict[str, str]) -> None:
    release, components = system["VERSION_CODENAME"], COMPONENTS.get(system["ID"], "main")
    options = ("--variant=minbase", f"--components={components}", f"--include={','.join(BASE_PACKAGES)}")
    run("debootstrap", *options, release, str(root), _mirror(release))
    for name in LEFT_OUT:
        shutil.rmtree(root / name, ignore_errors=True)


def _system() -> dict[str, str]:
    """What this machine says it is."""
    lines = (line.partition("=") for line in Path("/etc/os-release").read_text().splitlines())
    return {name: value.strip('"') for name, _, value in lines}


def _mirror(release: str) -> str:
    """Where apt is configured to get the packages of a release from."""
    targets = run("apt-get", "indextargets", "Created-By: Packages", "--format", "$(RELEASE) $(REPO_URI)").splitlines()
    for target in targets:
        suite, _, uri = target.partition(" ")
        if suite == release:
            return uri
    raise LocalError(f"apt's sources: no {release} among {len(targets)} lists, expected the release of this machine")


def _pip_options(file: Path) -> list[str]:
    """Lend pip's configuration to the build, with the files that it names; no layer keeps any of it."""
    settings = configparser.RawConfigParser()
    lent: dict[str, None] = {}
    for line in run(sys.executable, "-m", "pip", "config", "list").splitlines():
        name, _, quoted = line.partition("=")
        section, _, key = name.rpartition(".")
        # An index in a folder leads to files anywhere on this machine, and stays here.
        words = [word for word in ast.literal_eval(quoted).split() if not word.startswith("file://")]
        # Listed last and so the last to be set: variables of this shell.
        section = "global" if section == ":env:" else section
        settings.read_dict({section: {key: " ".join(words)}} if words else {})
        lent |= dict.fromkeys(word for word in words if word.startswith("/") and Path(word).exists())
    with file.open("w") as opened:
        settings.write(opened)
    volumes = [part for path in lent for part in ("--volume", f"{path}:{path}:ro")]
    return ["--secret", f"id=pip,src={file}", *volumes]
