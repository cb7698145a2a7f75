"""`campaign` against the programs people use today, in the same run on the same sink.

python -m bench.peers [--messages N] [--rounds N]
"""

from bench.options import main
from bench.peers.row import measure

if __name__ == "__main__":
    main(measure)
