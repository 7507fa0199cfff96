"""The image, built without a container engine: a base by debootstrap, then `buildah bud` of the service's Dockerfile.

root/    root filesystem of the last image
store/   images, layers and the base, which later builds reuse
run/     state of buildah and runc
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
# Packages of the public Python image that Debian's minimal system lacks.
BASE_PACKAGES = ("ca-certificates", "python3-venv")
# Folders that the public image omits, too.
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
    """A built image: its id, its OCI configuration, and its root filesystem as a folder."""

    identity: str
    config: Mapping[str, Any]
    root: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Images in a folder, which no container engine sees; deleting the folder deletes them."""

    folder: Path = FOLDER

    def build(self, *, model: str, release: bool = False) -> Image:
        """Build the service's image, reusing every layer of the last build that has not changed.

        Raises:
            LocalError: a tool is missing, or a step failed; its output is on the terminal.
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
                # Buildah's cache ignores a change of an argument that the Dockerfile uses in a label only.
                *("--label", f"{REVISION}={arguments['COMMIT']}"),
                *("--file", str(ROOT / "service/Dockerfile"), str(ROOT)),
            )
            built = identity.read_text()
            # Not earlier: a build that fails keeps the last image.
            shutil.rmtree(self.root, ignore_errors=True)
            root.rename(self.root)
        config = json.loads(self._ask("inspect", "--type", "image", built))["OCIv1"]["config"]
        return Image(identity=built, config=config, root=self.root)

    @property
    def root(self) -> Path:
        """Root filesystem of the last image."""
        return self.folder / "root"

    def packed_bytes(self, image: Image) -> int:
        """Size of an image's compressed layers, which a registry stores and a task pulls."""
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            self._ask("push", "--quiet", image.identity, f"oci:{scratch}/image")
            return tree_bytes(Path(scratch))

    def _ask(self, *arguments: str) -> str:
        return run(*self._command, *arguments)

    def _speak(self, *arguments: str) -> None:
        try:
            subprocess.run([*self._command, *arguments], check=True, stdout=sys.stderr)
        except subprocess.CalledProcessError as error:
            raise LocalError(f"`buildah {arguments[0]}` ended with {error.returncode}; its output is above") from None

    @property
    def _command(self) -> tuple[str, ...]:
        # In a mount namespace of its own, so that no mount outlives it.
        buildah = ("unshare", "--mount", "buildah")
        return (*buildah, "--root", str(self.folder / "store"), "--runroot", str(self.folder / "run/buildah"))

    def _base(self) -> str:
        """Name of the base image; it is made if the store has none of this Debian release."""
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
    """Install the missing tools.

    Raises:
        LocalError: the user is not root, or apt-get is missing, too.
    """
    if os.geteuid() != 0:
        raise LocalError(
            f"user: got uid {os.geteuid()}, expected root, which building without a container engine takes"
        )
    missing = [package for program, package in TOOLS.items() if shutil.which(program) is None]
    if missing and shutil.which("apt-get") is None:
        raise LocalError(f"programs: got no {', '.join(missing)} and no apt-get, expected one to install the others")
    if missing:
        run("apt-get", "update", "--quiet")
        run("apt-get", "install", "--quiet", "--yes", "--no-install-recommends", *missing)


def commit() -> str:
    """The commit that is built, with `-dirty` if files differ from it; `unknown` outside a repository."""
    try:
        return run("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except LocalError:
        return "unknown"


def tree_bytes(*roots: Path) -> int:
    """Bytes of all files in some folders; a file with several hard links counts once."""
    files = (path.lstat() for root in roots for path in root.rglob("*"))
    return sum({(facts.st_dev, facts.st_ino): facts.st_size for facts in files}.values())


def run(*command: str) -> str:
    """Run a program; its standard output.

    Raises:
        LocalError: it failed; the message holds the last line of its output.
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
    """The fields of this machine's /etc/os-release."""
    lines = (line.partition("=") for line in Path("/etc/os-release").read_text().splitlines())
    return {name: value.strip('"') for name, _, value in lines}


def _mirror(release: str) -> str:
    """The URL from which apt is configured to download a release's packages."""
    targets = run("apt-get", "indextargets", "Created-By: Packages", "--format", "$(RELEASE) $(REPO_URI)").splitlines()
    for target in targets:
        suite, _, uri = target.partition(" ")
        if suite == release:
            return uri
    raise LocalError(
        f"apt's sources: got {len(targets)} lists without {release}, expected one of this machine's release"
    )


def _pip_options(file: Path) -> list[str]:
    """Options that lend pip's configuration and the files it names to the build; no layer keeps any of it."""
    settings = configparser.RawConfigParser()
    lent: dict[str, None] = {}
    for line in run(sys.executable, "-m", "pip", "config", "list").splitlines():
        name, _, quoted = line.partition("=")
        section, _, key = name.rpartition(".")
        # A file:// index may refer to files anywhere on this machine, so the build does not use it.
        words = [word for word in ast.literal_eval(quoted).split() if not word.startswith("file://")]
        # The shell's variables are listed last, so that they override the files.
        section = "global" if section == ":env:" else section
        settings.read_dict({section: {key: " ".join(words)}} if words else {})
        lent |= dict.fromkeys(word for word in words if word.startswith("/") and Path(word).exists())
    with file.open("w") as opened:
        settings.write(opened)
    volumes = [part for path in lent for part in ("--volume", f"{path}:{path}:ro")]
    return ["--secret", f"id=pip,src={file}", *volumes]
