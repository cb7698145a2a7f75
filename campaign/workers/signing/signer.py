"""Signers: processes that hold keys, run no templates and can do nothing but sign.

In: as arguments, for each signer the descriptors of its two pipes and its shelf; on the first pipe
the spec, then on each batches: the time and how many letters, then each letter.
Out: on the first pipe `Started`; on each the signatures of a batch.
Touches: the keys, once: files, the environment, or what a command prints.

The first process reads the keys and forks the others, so that a command which asks somebody for a
passphrase asks once.  Then none of them can open a file or a connection any more, and nobody but
root can look into them.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Sequence
from pathlib import Path

from campaign.config.secrets import read_secret
from campaign.errors import CampaignError, ConfigError
from campaign.signing.keys import read_key
from campaign.signing.signature import Signer, signatures
from campaign.signing.spec import SignatureSpec, SigningSpec
from campaign.workers.confinement import end_with_parent, hide_memory, read_only
from campaign.workers.frames import FrameReader, Started, framed, read_frames
from campaign.workers.pipes import PIPE_BYTES
from campaign.workers.shelf import Shelf
from campaign.workers.signing.ends import BATCH, LARGEST, SignerEnds, packed


def main() -> None:
    """Serve until the pipes are closed."""
    hide_memory()  # before a key is here
    end_with_parent()
    lanes = [SignerEnds.of(word) for word in sys.argv[1:]]
    told = next(read_frames(lanes[0].input), None)
    if told is None:
        return
    spec: SigningSpec = pickle.loads(told)
    try:
        signers = [_signer(entry, Path(spec.folder)) for entry in spec.entries]
    except CampaignError as fault:
        _write(lanes[0].output, framed(Started(fault).written()))
        return
    read_only(())
    own = _own_lane(lanes)
    if own is lanes[0]:  # all are there
        _write(own.output, framed(Started(None, notes=_notes(spec, signers)).written()))
    _serve(own, signers)


def _signer(entry: SignatureSpec, folder: Path) -> Signer:
    try:
        key = read_key(read_secret(entry.key, folder))
    except ConfigError as fault:
        what = f"[[dkim]] {entry.selector} of {entry.domain}: {fault.what}"
        raise ConfigError(what, remedy=fault.remedy) from None
    return Signer(entry.domain, entry.selector, key, entry.valid_for_s)


def _notes(spec: SigningSpec, signers: Sequence[Signer]) -> list[str]:
    """What speaks against the keys."""
    return [
        f"[[dkim]] {entry.selector} of {entry.domain}: {signer.key.warning}"
        for entry, signer in zip(spec.entries, signers, strict=True)
        if signer.key.warning
    ]


def _own_lane(lanes: Sequence[SignerEnds]) -> SignerEnds:
    """A process for each lane; in each of them, its lane, the others closed."""
    for number in range(1, len(lanes)):
        parent = os.getpid()
        if not os.fork():
            end_with_parent()
            if os.getppid() != parent:  # it ended before we could ask to end with it
                os._exit(0)
            for other in (*lanes[:number], *lanes[number + 1 :]):
                other.close()
            return lanes[number]
    for other in lanes[1:]:
        other.close()
    return lanes[0]


def _serve(lane: SignerEnds, signers: Sequence[Signer]) -> None:
    shelf = Shelf(None) if lane.shelf < 0 else Shelf.of(lane.shelf)
    inbox = FrameReader(PIPE_BYTES, LARGEST, shelf)
    at_s, left = 0.0, 0
    done: list[bytes] = []
    while count := os.readv(lane.input, [inbox.room()]):
        for frame in inbox.frames(count):
            if not left:
                at_s, left = BATCH.unpack(frame)
                continue
            done.append(signatures(bytes(frame), signers, at_s))
            left -= 1
            if not left:
                shelf.turn()
                _write(lane.output, framed(packed(done)))
                done.clear()


def _write(descriptor: int, frame: bytes) -> None:
    left = memoryview(frame)
    while left:
        left = left[os.write(descriptor, left) :]


if __name__ == "__main__":
    main()
