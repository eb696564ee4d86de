"""Imports go one way: ui, api, runs, {search, proof}, {pictures, store}, {workers, native}, shared words."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "imgindex"

SHARED = {"records", "results", "skips", "errors", "ports", "files", "clock", "acts", "settings"}
FLOORS = ({"ui"}, {"api"}, {"runs"}, {"search", "proof"}, {"pictures", "store"}, {"workers", "native"}, SHARED)
BELOW = {room: set().union(*FLOORS[number + 1 :]) for number, rooms in enumerate(FLOORS[:-1]) for room in rooms}
BELOW |= dict.fromkeys(SHARED, SHARED) | {"keep": SHARED, "__init__": {"api"}, "__main__": {"ui"}}
BELOW["runs"] |= {"keep"}

ONLY_IN = {
    "sqlalchemy": ("store",), "alembic": ("store",), "sqlite3": ("store",), "faiss": ("search/vectors",),
    "torch": ("search/embed",), "sentence_transformers": ("search/embed",), "typer": ("ui",), "jinja2": ("ui",),
}  # fmt: skip


def imports() -> list[tuple[str, str]]:
    """(a module's file in the package, what it imports: dotted)."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(path.relative_to(PACKAGE).as_posix(), name) for name in names]
    return found


def room_of(name: str) -> str:
    return name.split("/", maxsplit=1)[0].removesuffix(".py")


def test_imports_go_down() -> None:
    """Prevents: rooms that can be understood, and tested, only together."""
    wrong = []
    for path, name in imports():
        room, (top, *inner) = room_of(path), name.split(".")
        if top == "imgindex" and inner[0] in BELOW and inner[0] not in BELOW[room] | {room}:
            wrong.append(f"{path}: {name}")
    assert not wrong


def test_every_room_has_a_floor() -> None:
    rooms = {p.stem for p in PACKAGE.iterdir() if p.suffix in ("", ".py")}
    assert rooms - {"__pycache__", "data", "_migrations"} == set(BELOW)


def test_only_named_rooms_reach_outside() -> None:
    wrong = [
        f"{path}: {name}"
        for path, name in imports()
        if (top := name.split(".")[0]) in ONLY_IN and not path.startswith(tuple(room + "/" for room in ONLY_IN[top]))
    ]
    assert not wrong


def test_no_file_is_longer_than_a_person_reads() -> None:
    files = (path for folder in ("imgindex", "scripts", "tests") for path in (PACKAGE.parent / folder).rglob("*.py"))
    assert not [str(path) for path in files if len(path.read_text().splitlines()) > 400]


def test_only_the_command_line_prints_or_exits() -> None:
    wrong: list[str] = []
    for path in PACKAGE.rglob("*.py"):
        if path.stem in ("cli", "terminal", "progress"):
            continue
        wrong += [
            f"{path}:{node.lineno}"
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("print", "exit", "sys.exit", "quit")
        ]
    assert not wrong


def test_help_loads_nothing_heavy() -> None:
    """`imgindex --help` must answer at once: numpy, OpenCV, SQLAlchemy, FAISS and torch are for those who index."""
    code = (
        "import sys; sys.argv = ['imgindex', '--help']\n"
        "from imgindex.ui import cli\n"
        "try: cli.main()\n"
        "except SystemExit: pass\n"
        "heavy = {'numpy', 'cv2', 'sqlalchemy', 'faiss', 'torch', 'PIL', 'rich', 'skimage'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "query" in done.stdout
