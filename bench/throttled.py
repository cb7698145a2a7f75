"""A long list, two limited providers, and a relay that says "slow down" now and then.

    python -m bench.throttled [--messages N]

20,000 rows through a relay of 300/s, a quarter of them at qq.com (100/s), a seventh at 163.com
(60/s); for 12 s after each 3,000th message every recipient meets 451 4.7.1.  Measured is the time
of the whole run over the time that the limits and the throttles leave no choice about.
"""

from __future__ import annotations

from pathlib import Path

from bench.machine import CAMPAIGN
from bench.options import Options, main
from bench.rows import Row, tell
from bench.senders import counts, fresh, none_lost, plan
from bench.servers import wire_server
from bench.watching import watch

MESSAGES = 20_000
_RATE, _QQ_RATE, _163_RATE = 300, 100, 60
_EACH, _THROTTLE_S = 3000, 12.0
_CONFIG = """
name = "throttled"
[recipients]
files = ["list.csv"]
[message]
from = "ada@example.org"
subject = "Letter {{{{ number }}}}"
text = "body.txt"
[relay]
host = "127.0.0.1"
port = {port}
security = "none"
hello = "bench.example"
rates = ["{rate}/s"]
[limits."qq.com"]
rates = ["{qq}/s"]
[limits."163.com"]
rates = ["{netease}/s"]
[delivery]
retry = ["5s"]
"""


def measure(options: Options) -> list[Row]:
    """The ratio; everybody must have been sent once."""
    count = options.messages or MESSAGES
    server_options = ["--throttle-each", str(_EACH), "--throttle-s", str(_THROTTLE_S)]
    with wire_server(options=server_options) as server:
        folder = _write(fresh("throttled"), count, server.port)
        plan(folder)
        tell(f"  {count:,} messages, {_least_s(count):.0f} s at least")
        run = watch([CAMPAIGN, "run", "--yes"], server.received, cwd=folder, memory_every_s=1.0)
        none_lost("campaign", run.received, count)
        none_lost("the journal", counts(folder)["sent"], count)
    return [
        Row("throttled", "time of a run behind a relay that throttles / the least it can take",
            [run.seconds / _least_s(count)], at_most=1.1, note=f"{count:,} messages"),
    ]  # fmt: skip


def _least_s(count: int) -> float:
    throttles = (count - 1) // _EACH
    sending_s = max(count / _RATE, count / 4 / _QQ_RATE, count / 7 / _163_RATE)
    return sending_s + throttles * _THROTTLE_S


def _write(folder: Path, count: int, port: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"p{n}@{_domain(n)},{n}" for n in range(count)]
    (folder / "list.csv").write_text("\n".join(["email,number", *rows, ""]), encoding="utf-8")
    (folder / "body.txt").write_text("Hello {{ number }}\n", encoding="utf-8")
    config = _CONFIG.format(port=port, rate=_RATE, qq=_QQ_RATE, netease=_163_RATE)
    (folder / "campaign.toml").write_text(config, encoding="utf-8")
    return folder


def _domain(number: int) -> str:
    if number % 4 == 0:
        return "qq.com"
    return "163.com" if number % 7 == 1 else f"d{number % 300}.example"


if __name__ == "__main__":
    main(measure)
