"""Verbs that ask about pictures: query, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgindex.errors import UsageError, named, path
from imgindex.ui.options import AnswerFormat, AnswerOption, DeviceOption, StoreOption
from imgindex.ui.running import chosen_store
from imgindex.ui.terminal import emit


def query(
    image: Annotated[str | None, typer.Argument(parser=named, metavar="IMAGE", help="The picture to look for.")] = None,
    text: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Words to look for instead, with a CLIP model.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, metavar="N", help="How many answers.")] = 10,
    store: StoreOption = None,
    device: DeviceOption = "auto",
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """What looks like this picture? Proven copies first, scores from 0 to 100."""
    from imgindex import api
    from imgindex.ui.as_json import matches_json
    from imgindex.ui.as_text import matches_text
    from imgindex.ui.progress import on_stderr

    if (image is None) == (text is None):
        raise UsageError("Give a picture, or words with --text, and not both.")
    with api.open(chosen_store(store), device=device, progress=on_stderr(), create=False) as images:
        matches = images.query(image, k=k) if image is not None else images.query_text(text or "", k=k)
        space = images.space
    if answer_format is AnswerFormat.JSON:
        emit(matches_json(image or text or "", space, matches))
    else:
        emit(matches_text(matches))


def compare(
    a: Annotated[str, typer.Argument(parser=named, metavar="A", help="The first picture.")],
    b: Annotated[str, typer.Argument(parser=named, metavar="B", help="The second picture.")],
    out: Annotated[
        Path | None, typer.Option(parser=path, metavar="DIR", help="Write pictures of the difference there.")
    ] = None,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """Are these two copies? Score, verdict, transform, and where they differ. Needs no store."""
    from imgindex import api
    from imgindex.ui.as_json import comparison_json
    from imgindex.ui.as_text import comparison_text

    try:
        found = api.compare(a, b, out)
    except OSError as error:
        raise UsageError(f"The pictures cannot be written to {out}: {error.strerror or error}.") from error
    emit(comparison_json(a, b, found) if answer_format is AnswerFormat.JSON else comparison_text(found))
