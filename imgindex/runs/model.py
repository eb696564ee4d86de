"""Which embedding model a store is used with."""

from __future__ import annotations

from collections.abc import Callable

from imgindex.errors import ModelError
from imgindex.ports import Embedder
from imgindex.records import Space
from imgindex.search import embed
from imgindex.store import Store, spaces

AUTO = embed.AUTO


def open_model(
    store: Store,
    model: str,
    device: str,
    say: Callable[[str], None],
    *,
    rebuild: bool = False,
    loaded: Embedder | None = None,
    own: Embedder | None = None,
) -> tuple[int, Embedder]:
    """(space id, embedder) for a store that is written: its own model, or in a new store `model`.

    With `rebuild`, `model` becomes the store's, whatever it had. A store of an older built-in model gets the present
    one, as nothing can compute the older one any more. `loaded` is used where it is the store's, and `own`, which a
    caller brought, in place of any other. Raises ModelError where the store has another model than the one asked for.
    """
    with store.read() as tx:
        active = spaces.active_space(tx)
    known = None if rebuild and active is not None else loaded
    embedder = _open(store, None if rebuild else active, model, device, say, known, own, renew=True)
    if active is not None and not rebuild and embedder.space.fingerprint == active[1].fingerprint:
        return active[0], embedder
    with store.write() as tx:
        return spaces.activate_space(tx, embedder.space), embedder


def open_new(model: str, device: str, say: Callable[[str], None]) -> Embedder:
    """The embedder of a store that is yet to be made."""
    return embed.open_embedder(model, say, device)


def open_model_to_read(
    store: Store,
    device: str,
    say: Callable[[str], None],
    loaded: Embedder | None = None,
    own: Embedder | None = None,
) -> tuple[int, Embedder]:
    """(space id, embedder) of a store's active space, `loaded` where it is that, or `own`; raises ModelError where
    nothing was indexed yet."""
    with store.read() as tx:
        active = spaces.active_space(tx)
    if active is None:
        raise ModelError(f"The store in {store.directory} has no images yet; fill it with: imgindex index FOLDER")
    return active[0], _open(store, active, AUTO, device, say, loaded, own)


def _open(
    store: Store,
    active: tuple[int, Space] | None,
    model: str,
    device: str,
    say: Callable[[str], None],
    loaded: Embedder | None,
    own: Embedder | None,
    *,
    renew: bool = False,
) -> Embedder:
    """The embedder of the active space; where there is none, that which `model` names."""
    if active is None:
        return own or loaded or open_new(model, device, say)
    space = active[1]
    if own is not None:
        if own.space.fingerprint == space.fingerprint:
            return own
        raise ModelError(
            f"The store in {store.directory} was made with {space.name}, and vectors of {own.space.name} cannot be "
            "compared with its own; leave the embedder out, or embed all anew with rebuild=True."
        )
    if model != AUTO and embed.canonical(model) != space.model:
        raise ModelError(
            f"The store in {store.directory} was made with {space.model}, and vectors of {model} cannot be "
            "compared with its own; ask for no other model, or change the store with: "
            f"imgindex index --rebuild --model {model} FOLDER"
        )
    if loaded is not None and loaded.space.fingerprint == space.fingerprint:
        return loaded
    try:
        embedder = embed.open_embedder_for(space, say, device)
    except ModelError as error:
        why = str(error).split("; ")[0].rstrip(".")
        raise ModelError(
            f"{why}, and the store in {store.directory} was made with it; make it available again, or change the "
            f"store's model with: imgindex index --rebuild --model {embed.SIFT_VLAD} FOLDER"
        ) from error
    if embedder.space.fingerprint != space.fingerprint:
        if renew and space.model == embed.SIFT_VLAD:
            now = embedder.space.name
            say(f"The store's {space.name} is now {now}: what is in the folders of this run is read and compared anew.")
            return embedder
        options = "" if space.model == embed.SIFT_VLAD else f"--rebuild --model {space.model} "
        raise ModelError(
            f"{space.model} is not the model any more that the store in {store.directory} was made with (it has other "
            f"weights or preprocessing); re-embed with: imgindex index {options}FOLDER"
        )
    return embedder
