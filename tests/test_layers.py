"""The direction of imports: down only, and only named modules reach the database, FAISS and torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1] / "imgindex"

LAYERS = (
    {"records", "errors", "ports"},
    {
        "config", "clock", "files", "checksum", "schema", "store", "timing", "interrupt", "garbage", "process",
        "native",
    },
    {
        "scan", "decode", "flatten", "formats", "texture", "workers", "embed", "features", "vectors", "candidates",
        "transform", "structure", "printed", "ssim", "inset", "outline", "register", "sketch", "decide", "align",
        "verify", "group", "report", "difference",
    },
    {"pipeline", "check", "examine", "repair"},
    {"cli", "api", "progress", "crash", "__main__"},
)  # fmt: skip
LAYER = {name: level for level, names in enumerate(LAYERS) for name in names}

SIDEWAYS = {
    ("embed", "features"), ("register", "features"), ("register", "transform"), ("align", "register"),
    ("align", "structure"), ("align", "decide"), ("align", "transform"), ("align", "printed"), ("verify", "align"),
    ("verify", "structure"), ("verify", "decide"), ("verify", "transform"), ("verify", "inset"),
    ("verify", "printed"), ("printed", "structure"), ("verify", "ssim"), ("ssim", "structure"),
    ("structure", "transform"), ("decode", "flatten"), ("outline", "structure"), ("outline", "transform"),
    ("register", "outline"), ("sketch", "outline"), ("sketch", "register"),
    ("decode", "formats"), ("scan", "formats"), ("report", "difference"), ("flatten", "formats"),
    ("check", "repair"), ("check", "examine"), ("examine", "repair"), ("examine", "pipeline"),
}  # fmt: skip
"""Imports between modules of one layer that the design allows: `formats` and `flatten` are parts of decoding,
`transform` and `structure` of verification. `examine` opens the search index as `pipeline` does."""

ONLY_IN = {
    "sqlalchemy": {"schema", "store", "pipeline"}, "alembic": {"store"}, "sqlite3": {"store"}, "faiss": {"vectors"},
    "torch": {"embed"}, "sentence_transformers": {"embed"}, "typer": {"cli"},
}  # fmt: skip


def imports() -> list[tuple[str, str, Path]]:
    """(module of imgindex, what it imports, file)."""
    found = []
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            found += [(module, name, path) for name in names]
    return found


def test_imports_go_down() -> None:
    wrong = []
    for module, name, path in imports():
        parts = name.split(".")
        if parts[0] != "imgindex" or len(parts) < 2 or parts[1] not in LAYER or module == "__init__":
            continue
        same = parts[1] == module or (module, parts[1]) in SIDEWAYS or LAYER[module] in (0, 1, 4)
        if LAYER[parts[1]] > LAYER[module] or (LAYER[parts[1]] == LAYER[module] and not same):
            wrong.append(f"{path}: {module} imports {name}")
    assert not wrong


def test_every_module_has_a_layer() -> None:
    modules = {p.stem if p.is_file() else p.name for p in PACKAGE.iterdir() if p.suffix in ("", ".py")}
    assert modules - {"__init__", "__pycache__", "data", "_migrations"} <= set(LAYER)


def test_only_named_modules_reach_outside() -> None:
    wrong = [
        f"{path}: {name}"
        for module, name, path in imports()
        if (top := name.split(".")[0]) in ONLY_IN and module not in ONLY_IN[top]
    ]
    assert not wrong


def test_only_the_command_line_prints_or_exits() -> None:
    wrong: list[str] = []
    for path in PACKAGE.rglob("*.py"):
        if path.stem in ("cli", "progress"):
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
