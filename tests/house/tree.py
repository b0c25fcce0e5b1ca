"""The files that the house rules look at, and small trees with a planted violation that prove each rule."""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "support"))

import cases  # noqa: E402

SOURCE, BUILD = cases.SOURCE, cases.BUILD


def files(root, *endings):
    """Paths below ROOT, relative to it, sorted: what git has or would take; in a tree without git, every file."""
    if os.path.exists(os.path.join(root, ".git")):
        told = subprocess.run(["git", "-c", f"safe.directory={root}", "ls-files", "-co", "--exclude-standard"], cwd=root,
                              capture_output=True, text=True, check=True).stdout.splitlines()
        found = [path for path in told if os.path.isfile(os.path.join(root, path))]
    else:
        found = [os.path.relpath(os.path.join(folder, name), root)
                 for folder, subfolders, names in os.walk(root)
                 for name in names if not drop_built(root, folder, subfolders)]
    return sorted(path for path in found if not endings or path.endswith(endings))


def drop_built(root, folder, subfolders):
    """Keeps os.walk out of what a build made; returns False, so that it can stand in a condition."""
    subfolders[:] = [name for name in subfolders
                     if name != "__pycache__" and not (folder == root and name.startswith("build"))]
    return False


def text(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as file:
        return file.read()


def lines(root, path):
    """(number, line) pairs of a file."""
    return enumerate(text(root, path).splitlines(), 1)


def planted(case, contents):
    """A temporary tree with the given {path: text}; it goes when the case ends."""
    folder = tempfile.TemporaryDirectory()
    case.addCleanup(folder.cleanup)
    for path, content in contents.items():
        target = os.path.join(folder.name, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="utf-8") as file:
            file.write(content)
    return folder.name


def assert_kept(case, problems):
    """Fails with all problems, a line each."""
    if problems:
        case.fail("\n" + "\n".join(problems))


main = cases.main
