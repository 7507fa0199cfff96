"""Checks that need no account: tools, the state of the repository, the model's lock."""

import json
import platform
import subprocess
from collections.abc import Iterator, Mapping

from delivery.findings import Finding, State
from delivery.programs import ROOT
from stacks.environments import Environment, Weights

REMOTE = "origin"
LOCK = ROOT / "service" / "engine" / "models.json"
INSTALLED = "`make install` brings it"
# Each program, how it tells its version, and how it comes to this machine.
TOOLS: Mapping[tuple[str, ...], str] = {
    ("node", "--version"): INSTALLED,
    ("cdk", "--version"): INSTALLED,
    ("git", "--version"): "your system's package",
}
# The engine that builds and copies images, and its builder.
ENGINE: Mapping[tuple[str, ...], str] = {
    ("docker", "version", "--format", "{{.Server.Version}}"): "Docker, which builds and copies images, running",
    ("docker", "buildx", "version"): "Docker's plugin buildx",
}
SECONDS = 30


def tools(environment: Environment, environ: Mapping[str, str]) -> Iterator[Finding]:
    """The programs that a first deploy starts, with their versions."""
    yield _finding("tools", State.OK, f"python {platform.python_version()}")
    needed = {**TOOLS, **(ENGINE if needs_engine(environment) else {})}
    for command, remedy in needed.items():
        code, said = _ask(*command, environ=environ)
        name = " ".join(command[:1] if command[1].startswith("-") or command[1] == "version" else command[:2])
        if code:
            yield _finding("tools", State.MISSING, f"{name}: got none that answers, expected {remedy}")
        else:
            yield _finding("tools", State.OK, f"{name} {said.removeprefix(f'{name} version ').removeprefix('v')}")


def needs_engine(environment: Environment) -> bool:
    """Whether an image is built here, or copied from another registry, and not by a pipeline or a release."""
    return not environment.commits and not environment.released_by


def repository(environment: Environment, environ: Mapping[str, str]) -> Iterator[Finding]:
    """A clean tree, and a commit that the pipeline finds on its branch."""
    code, changed = _ask("git", "status", "--porcelain", environ=environ)
    if code:
        yield _finding("commit", State.MISSING, "git: got no repository, expected a clone; the commit names the image")
        return
    if changed:
        count = len(changed.splitlines())
        says = f"git: got {count} uncommitted files, expected a clean tree: `git status` lists them; commit them"
        yield _finding("commit", State.MISSING, says)
    else:
        _, commit = _ask("git", "rev-parse", "HEAD", environ=environ)
        yield _finding("commit", State.OK, f"a clean tree at {commit}")
    if environment.commits:
        yield _pushed(environment.commits.branch, environ)


def lock(environment: Environment) -> Iterator[Finding]:
    """The model in the lock file, if the image is built with a locked one only."""
    model = environment.settings.model
    if not environment.commits or not environment.commits.locked_model or environment.weights is not Weights.IMAGE:
        return
    if model in json.loads(LOCK.read_text()):
        yield _finding("model", State.OK, f"{model} is locked")
        return
    remedy = f"`python -m service model lock {model}`, and the change of {LOCK.relative_to(ROOT)} committed"
    yield _finding("model", State.MISSING, f"{model}: got no lock, expected one: {remedy}")


def _pushed(branch: str, environ: Mapping[str, str]) -> Finding:
    """Whether the branch that the pipeline follows has the commit."""
    if _ask("git", "remote", "get-url", REMOTE, environ=environ)[0]:
        says = f"git: got no remote {REMOTE}, expected the repository that the pipeline follows"
        return _finding("commit", State.MISSING, says)
    code, tip = _ask("git", "ls-remote", "--exit-code", REMOTE, f"refs/heads/{branch}", environ=environ)
    push = f"`git push {REMOTE} HEAD:{branch}`"
    if code == 2:
        return _finding("commit", State.MISSING, f"{REMOTE}: got no branch {branch}, expected it: {push}")
    if code:
        return _finding("commit", State.UNKNOWN, f"{REMOTE}: its branch {branch} cannot be read")
    tip = tip.split()[0]
    code, _ = _ask("git", "merge-base", "--is-ancestor", "HEAD", tip, environ=environ)
    match code:
        case 0:
            return _finding("commit", State.OK, f"it is on {REMOTE}/{branch}, which the pipeline follows")
        case 1:
            return _finding("commit", State.MISSING, f"{REMOTE}/{branch}: got a branch without it, expected {push}")
    return _finding("commit", State.UNKNOWN, f"{REMOTE}/{branch} has commits that are not here: `git fetch {REMOTE}`")


def _ask(*command: str, environ: Mapping[str, str]) -> tuple[int, str]:
    """Exit code and output of a program; 127 if it is not there, and 124 if it does not answer."""
    quiet = {**environ, "GIT_TERMINAL_PROMPT": "0", "GIT_SSH_COMMAND": "ssh -o BatchMode=yes"}
    try:
        ended = subprocess.run(
            command,
            env=quiet,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )
    except OSError:
        return 127, ""
    except subprocess.TimeoutExpired:
        return 124, ""
    return ended.returncode, ended.stdout.strip()


def _finding(check: str, state: State, says: str) -> Finding:
    return Finding(check=check, state=state, says=says)
