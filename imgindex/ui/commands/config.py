"""The verb that says what holds: config."""

from __future__ import annotations

import typer

from imgindex.ui import chosen
from imgindex.ui.options import (
    AnswerFormat,
    AnswerOption,
    DeviceOption,
    ExcludeOption,
    FoldersArgument,
    IncludeOption,
    JobsOption,
    ModelOption,
    StoreOption,
)
from imgindex.ui.terminal import emit


def config(
    context: typer.Context,
    folders: FoldersArgument = None,
    store: StoreOption = None,
    model: ModelOption = "auto",
    device: DeviceOption = "auto",
    jobs: JobsOption = 0,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """Each setting, and where it comes from: an option, the environment, config.toml in the store, or a default."""
    from imgindex.ui.as_json import settings_json
    from imgindex.ui.as_text import settings_text

    found = chosen.values(context)
    emit(settings_json(found) if answer_format is AnswerFormat.JSON else settings_text(found))
