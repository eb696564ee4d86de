"""Decide stored pairs again where the rules have changed: from their evidence, without a picture."""

from __future__ import annotations

from dataclasses import replace

from imgindex.pictures import decode
from imgindex.proof import decide
from imgindex.proof.decide import placed
from imgindex.records import Candidate, Verdict
from imgindex.store import Store, pairs, skipped, spaces
from imgindex.store.pairs import StoredPair

LOOK_REASON = "the rules changed, and nobody looked yet at what differs in it"


def decide_again(store: Store) -> int:
    """Bring the verdicts of all stored pairs up to the present rules, in one transaction; returns how many changed.

    A pair that was refuted before anybody looked at what differs in it, and may be a copy now, is verified again, as a
    candidate that waits.
    """
    with store.read() as tx:
        if spaces.rules_version(tx) == decide.RULES_VERSION:
            return 0
    changed: dict[int, list[StoredPair]] = {}
    waiting: list[tuple[Candidate, str]] = []
    with store.write() as tx:
        for space_id, floor, pair in pairs.pairs_to_decide(tx):
            verdict = decide.decide(pair.outcome.evidence)
            decided = _decided(pair, verdict, floor)
            if verdict.is_aligned and "looked" not in pair.outcome.evidence:
                waiting.append((pair.candidate, LOOK_REASON))
            elif decided.outcome != pair.outcome:
                changed.setdefault(space_id, []).append(decided)
        for space_id, settled in changed.items():
            pairs.put_pairs(tx, space_id, settled)
        pairs.remove_pairs(tx, [c.key for c, _ in waiting])
        pairs.put_pending(tx, waiting)
        spaces.set_rules_version(tx, decide.RULES_VERSION)
    return len(waiting) + sum(map(len, changed.values()))


def _decided(pair: StoredPair, verdict: Verdict, floor: float) -> StoredPair:
    """The pair with this verdict; its score is by the rules of that verdict. It stays stored whatever that is: the next
    rules may say otherwise again."""
    pair = replace(pair, is_near=True)
    o = pair.outcome
    if verdict.is_aligned:
        score = o.score if o.verdict.is_aligned else decide.ssim_score(o.ssim or 0.0)
        relation = decide.relation(o.share_a, o.share_b)
        return replace(pair, outcome=replace(o, verdict=verdict, score=score, relation=relation))
    outcome = replace(o, verdict=verdict, relation=None, inset=False)
    return replace(pair, outcome=placed(outcome, pair.candidate.cosine, floor))


def try_skipped_again(store: Store) -> None:
    """Where the decoder is not the one that refused the store's skipped files, let the next scans read them again.

    A file is tried until a run that finds it has read or refused it.
    """
    version = decode.version()
    with store.read() as tx:
        if skipped.decoder_version(tx) == version:
            return
    with store.write() as tx:
        skipped.retry_skipped(tx)
        skipped.set_decoder_version(tx, version)
