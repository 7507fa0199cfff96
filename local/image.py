"""The image, built without a container engine: a base by debootstrap, then `buildah bud` of the service's Dockerfile.

    store/   images, layers and the base, which later builds start from
    run/     what buildah and runc know of what runs
"""

import ast
import configparser
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.emulator import LocalError

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "build/image"
# Programs, and the Debian packages that bring them.
TOOLS = {"buildah": "buildah", "debootstrap": "debootstrap", "runc": "runc", "nsenter": "util-linux", "curl": "curl"}
# What the public Python image has beside Debian's smallest.
BASE_PACKAGES = ("ca-certificates", "python3-venv")
# What that image leaves out, too.
LEFT_OUT = ("usr/share/doc", "usr/share/info", "usr/share/locale", "usr/share/man", "var/cache/apt", "var/lib/apt/lists")
COMPONENTS = {"debian": "main", "ubuntu": "main,universe"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """Images in a folder: nothing of them is seen by an engine, nor left behind once the folder is gone."""

    folder: Path = FOLDER

    def build(self, *, model: str, release: bool = False) -> str:
        """Build the service's image; its id. What has not changed since the last build is taken from there.

        Raises:
            LocalError: a tool is missing, or a step failed, whose own words are on the terminal.
        """
        need_tools()
        self.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            identity = Path(scratch) / "id"
            arguments = {
                "BASE": self._base(),
                "MODEL": model,
                "COMMIT": commit(),
                "RELEASE": "1" if release else "",
            }
            self.buildah(
                *("bud", "--isolation", "chroot", "--layers", "--iidfile", str(identity)),
                *_pip_options(Path(scratch) / "pip.conf"),
                *(part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")),
                *("--file", str(ROOT / "service/Dockerfile"), str(ROOT)),
            )
            return identity.read_text()

    @contextlib.contextmanager
    def mounted(self, image: str) -> Iterator[Path]:
        """The root filesystem of an image."""
        container = self.ask("from", image)
        try:
            yield Path(self.ask("mount", container))
        finally:
            self.ask("rm", container)

    def packed_bytes(self, image: str) -> int:
        """Size of an image's compressed layers: what a registry keeps and a task pulls."""
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            self.ask("push", "--quiet", image, f"oci:{scratch}/image")
            return tree_bytes(Path(scratch))

    def ask(self, *arguments: str) -> str:
        """What a verb of buildah answers."""
        return run(*self._command, *arguments)

    def buildah(self, *arguments: str) -> None:
        """Let a verb of buildah speak on the terminal."""
        try:
            subprocess.run([*self._command, *arguments], check=True, stdout=sys.stderr)
        except subprocess.CalledProcessError as error:
            raise LocalError(f"`buildah {arguments[0]}` ended with {error.returncode}; it says why above") from None

    @property
    def _command(self) -> tuple[str, ...]:
        return ("buildah", "--root", str(self.folder / "store"), "--runroot", str(self.folder / "run/buildah"))

    def _base(self) -> str:
        """Name of the base image, which is made where the store has none of this release yet."""
        system = _system()
        name = f"localhost/base:{'.'.join((system['VERSION_CODENAME'], *BASE_PACKAGES))}"
        if not self.ask("images", "--quiet", "--filter", f"reference={name}"):
            with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
                root, archive = Path(scratch) / "root", Path(scratch) / "base.tar"
                _bootstrap(root, system)
                run("tar", "--create", "--file", str(archive), "--directory", str(root), "--numeric-owner", ".")
                container = self.ask("from", "scratch")
                self.ask("add", "--quiet", container, str(archive), "/")
                self.ask("commit", "--quiet", "--rm", container, name)
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
