"""Writes docs/performance.md from what `make bench` and `make soak` measured.

    python -m bench.report [--preliminary]

In: build/bench.json, build/soak.json where there is one.  Out: the page.  Touches: that page.
`--preliminary` says on the page that the machine was not quiet.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable

from bench.machine import ROOT
from bench.rows import RESULTS, Row, read, show
from bench.soak import SERIES

PAGE = ROOT / "docs" / "performance.md"

TITLES = {
    "headline": ("Against Postfix's load generator", """
`smtp-source -d -s 50` is C, renders nothing and keeps no journal: it repeats one text. `campaign`
reads a CSV list with accented and Chinese names, renders a subject, a text and an HTML part for
each row (a loop and a condition in each), and makes every hand-off durable before it is made.
Both send to the same `smtp-sink` over 50 connections, by turns. "CSV to accepted" is all of
`campaign run --no-render`, from its start: it plans, then sends each letter as it is rendered;
without that option all are rendered once more beforehand. A connection is kept for 100,000 messages
(100 unless told otherwise). "While sending" leaves out the first tenth and the last twentieth of
the messages."""),
    "peers": ("Against what people use today", """
The same letters to the same people, by turns on the same sink, each program as its users run it
(see `bench/peers/`): connections kept where it can keep them, its own templates where it has some.
Before they are measured, the letters of each are read back and compared with ours. Rates include
the start of the program: `campaign` sends 200,000 letters over 50 connections, as above, each other
as many of them as take it about as long, over the connections named."""),
    "compiled": ("Compiled", """
`pip install .` compiles the modules that every letter goes through (those in `setup.py`) by mypyc.
The same files run as Python where there is no C compiler, and in the editable tree of `make venv`;
`campaign --version` tells which it is. All rows but those "as Python" are those of a compiled tree
(`make compiled`), on which the whole test run passes as well (`make test-compiled`)."""),
    "starttls": ("With TLS", """
`smtp-sink` has none, so a small server of our own takes both."""),
    "dkim": ("Signed", """
With `[[dkim]]`, to the same sink. An RSA-2048 signature of OpenSSL takes more CPU than rendering,
sending and journalling a letter together. So the rows compare CPU, that of all processes together,
with one such signature as `openssl speed` measures it in the same round."""),
    "postfix": ("Into a real Postfix", """
With its own queue on disk (fsync for each message), discarding what it delivers. The queue is
empty before each candidate starts. `smtp-source -N -F` writes to somebody else with each message,
as `campaign` does, and sends one of its letters: to the same recipient again and again Postfix has
the answer at hand, and its work on headers and MIME parts of these letters takes it a tenth longer
than smtp-source's own text (0.91 against that). `in_flow_delay` is 0: Postfix pauses for a second
where more comes in than goes out, which left a fifth of the time idle and made single rounds differ
by three. What is left is the processor, which its deliveries compete for now and then: a run is
four turns of each. Even so runs differ: on 2026-11-23 medians
of 0.92 (three rounds, 0.85..1.04), 1.08 and 1.10 (seven each) were seen."""),
    "distance": ("Fifty milliseconds away", """
A server that answers 50 ms later. A client that waits for every reply needs four round trips a
message; one that puts the next envelope behind the dot needs one."""),
    "attachment": ("Large messages", """
A 40 KB message with a fixed attachment of 200 KB."""),
    "plan": ("Planning", ""),
    "intake": ("Single letters", """
Letters that an application asks for by HTTP are made once, and kept for good, before they are
answered; the bare application commits one row for each request, without company. A code goes
before the bulk that a run is just sending to the same relay.
"""),
    "fleet": ("A fleet", """
Workers that share a journal in PostgreSQL, which runs on the same machine and takes its cores from
them. One and then three send to a server that answers 50 ms later. What a message costs is CPU of
one worker with its render process, against a run with SQLite by turns.
"""),
    "serve": ("Unsubscribed", """
One-click POSTs of as many people to `campaign serve` over 64 connections, each answered once it is
in the SQLite store and synced. Beside it, by turns, stands a bare starlette application under the
same server that appends a line to a file and syncs it: what "durable before 200" costs at least,
one request at a time. Ours is ahead because requests that wait at the same time share one
commit."""),
    "scale": ("Long lists", """
Peak memory is that of all processes together (PSS), looked at while planning and sending. The
render workers are up to 2,000 letters ahead of the connections, which flatters the time while
sending of a list of 10,000; its memory, too, is looked at before all caches are full. With `FULL=1`
5,000,000 recipients as well."""),
    "resume": ("Resume and status", """
A campaign stopped at half. `status` is asked while the other half is sent."""),
    "soak": ("Soak", ""),
}  # fmt: skip

LIMITS = """## What limits it

While it sends, `campaign` is ahead of `smtp-source`: it puts the next envelope behind the dot,
which spares `smtp-sink`, a single process on one core, half of its work. The plan, some 4 µs a row
in which nothing is sent yet, and 0.4 s until both have loaded take a tenth off that again. What is
left is a few hundredths above 1.0, less than what the hour does on a shared machine: four runs of
five rounds had medians of 1.04, 1.04, 1.04 and 1.06, and on busier hours the same code 0.97 to
0.99.

Two cores carry everything: `smtp-sink`, the process that speaks SMTP and keeps the journal, and the
render workers. Of the process that speaks SMTP, a third is the journal (statements, commits,
totals), a fifth reading from and writing to sockets, most of it the kernel's; the rest is letters
on their way through Python (`perf record` with unwound stacks). 4 to 10 % of the two cores idle: in
stretches of half a second Linux wakes `smtp-sink` on the core of the sender that writes to it, and
the other core has a worker alone (`perf sched`). With the sink kept off that core by hand nothing
idles, and 3 % more letters are sent.

Times of CPU are those of a shared machine whose speed changes by half within minutes: they are only
as good as the rows beside them. Ratios move with it, too. `smtp-source` has a third of the cores to
spare, and so sends as much on a slow machine as on a quick one: of nine rounds one after another
those in which the process that speaks SMTP needed less than 34 µs a letter had a ratio of 1.02 to
1.07, those in which it needed more than 36 µs one of 0.83 to 0.94. And where system calls are cheap
for `smtp-source`, ratios are lower.

What brought most:

- statements of the journal run by the event loop and not by a thread that fights it for the
  interpreter: a fifth to a third faster with few connections;
- letters rendered stage by stage, 25 at once, and not one after another: a quarter less CPU for
  rendering;
- the hot path compiled: see [below](#compiled);
- a Python that was built with profile-guided optimisation, as those of distributions are: by turns
  with one that was not, 9 % more with starts, 11 % while sending. `make venv` takes the system's
  where it will do;
- commits made by the event loop itself while the disk is quick, where waking a thread took as long
  as half a commit: by turns 6 % more with 50 connections, 19 % with ten;
- what `perf` with unwound stacks showed where counts of instructions had hidden it: sums of states
  told by the run and not asked for (1.3 µs a letter), the feed woken where there is room for a
  batch and not by each commit (2.5 µs, by turns 2 % more letters), an HMAC that begins where all
  begin (1 µs), no PRAGMA around a BEGIN (0.7 µs), and more of the kind;
- records that a letter goes through as plain classes, which mypyc makes in a ninth of the time of a
  named tuple: an eighth fewer instructions in the process that speaks SMTP;
- claims read by the event loop, with their queries compiled once: a thread had to win the
  interpreter for every row. By turns a sixth less CPU of the process that speaks SMTP. Tried twice
  before and found to bring nothing, for SQLAlchemy compiled both queries anew for each page;
- rendering without calls from compiled code into Python for each piece of a text, and one jinja2
  context a template and not one a letter: a quarter less CPU, by turns 13 % more letters;
- one command instead of two (`run --no-render` plans, then sends), a plan whose rows go to the
  database without a detour: 0.5 s of 15;
- the journal's log not asked for its status after each commit, which made Linux flush its inode
  with the next: a quarter less of a commit by itself;
- workers that leave the processor to sockets and journal (nice 15 and not 5): a tenth;
- commits that wait 10 ms and not 4 for changes that may still come: 13 % more with 50 connections;
- letters laid in memory that a worker shares with the sender, where a pipe copied them twice more:
  by turns 4 % less CPU in both, 4 % more letters while sending;
- the list read and cleaned by a process of its own, begun before the libraries of the other are
  loaded: the first of 300,000 letters leaves 0.3 s earlier, of 1.7 s;
- a log of the journal that is lengthened before the run begins: until SQLite starts over in it each
  commit has the file's length to write as well, and the first second sends a fifth less. By turns
  0.1 s of 15; render workers started when the list is read, domains counted and states given on the
  way: 0.15 s.

Tried for it without success:

- one worker instead of two, other windows (600 letters: 5 % slower), other switch intervals of the
  interpreter lock, commits that wait for other shares of the letters, a pause of the event loop
  after each commit, workers that run only when nobody else would (the sender is woken for each
  reply, at half as much CPU again), the body on the wire before its permission and the dot after
  it, replies of all connections taken in before any is acted on, the rows of a plan inserted by a
  thread while the next are read (again, by up to 3,000 rows a statement, with shorter turns of the
  interpreter: no part of it runs beside the other), commits into Postfix that wait 1 or 3 ms or
  until no change came for one, compilers told to inline across modules, a page of claims as one
  text, standings summed up by one statement for all rows of a commit, pages of 2 to 16 KB, another
  congestion control than the machine's (BBR), workers or the sender as batch processes (the sender
  needs 12 % less CPU then and is a fifth slower), with longer or shorter turns, on cores of their
  own (a third slower), batches to workers in turn and not to the idlest, the memory of all
  processes in huge pages: the same rate within the noise, or less;
- what is the same in all letters sent by the workers once and put together by the sender: with
  letters of 40 KB the workers need a third less, and no more letters are sent;
- SQLite without its own locks: 4 % more. Two threads that ever use one connection at once would
  then overwrite memory, which is not worth 4 %.
"""


def page(rows: list[Row], document: dict[str, object], preliminary: bool) -> str:
    """The whole page as Markdown."""
    machine, versions = document["machine"], document["versions"]
    assert isinstance(machine, dict)
    assert isinstance(versions, dict)
    parts = [
        "# Performance\n",
        "This page is made by `make performance` from what `make bench` and `make soak` measured.\n"
        "Ratios are taken between neighbours of one run, round by round (those of long lists to\n"
        "the median of the short ones); shown are the median and\n"
        "the smallest and largest of the rounds. All messages were counted at the server.\n",
    ]
    if preliminary:
        parts.append(
            "**Preliminary:** the machine was not quiet (see the column *load*: more than the\n"
            "number of cores means that the candidates had to share), and the engine was not\n"
            "tuned yet.\n"
        )
    parts.append(_list({**machine, **versions}))
    for name, (title, about) in TITLES.items():
        found = [row for row in rows if row.row == name]
        if found:
            command = f"`make {'soak' if name == 'soak' else f'bench ROW={name}'}`"
            dated = f"{command}, {found[0].date}, commit {found[0].commit}."
            parts += [f"## {title}\n", *([about.strip() + "\n"] if about else []), dated + "\n"]
            parts.append(_table(found))
            parts.append(_notes(found))
        if name == "peers":
            parts.append(LIMITS)
    if SERIES.exists() and any(row.row == "soak" for row in rows):
        parts.append(_series(json.loads(SERIES.read_text(encoding="utf-8"))))
    return "\n".join(part for part in parts if part)


def _list(values: dict[str, str]) -> str:
    return "".join(f"- {name}: {value}\n" for name, value in values.items())


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _table(rows: list[Row]) -> str:
    lines = _line(("what", "median", "min..max", "target", "met", "rounds", "load"))
    lines += _line(("---", "--:", "--:", "--:", "---", "--:", "--:"))
    for row in rows:
        if row.median is None:
            lines += _line((row.what, "-", "-", row.target, "", "0", f"{row.load:.1f}"))
            continue
        spread = f"{show(min(row.values))}..{show(max(row.values))}"
        lines += _line(
            (
                row.what,
                f"{show(row.median)} {row.unit}".strip(),
                spread,
                row.target,
                row.verdict,
                str(len(row.values)),
                f"{row.load:.1f}",
            )
        )
    return lines


def _notes(rows: list[Row]) -> str:
    return "".join(f"- {row.what}: {row.note}\n" for row in rows if row.note)


def _series(points: list[dict[str, float]]) -> str:
    if not points:
        return ""
    lines = _line(("after s", "sent", "messages/s", "PSS MB", "descriptors"))
    lines += _line(("--:",) * 5)
    step = max(1, len(points) // 12)
    for point in points[::step]:
        lines += _line(f"{value:,}" for value in point.values())
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preliminary", action="store_true")
    given = parser.parse_args()
    if not RESULTS.exists():
        sys.exit("bench: nothing was measured yet: make bench")
    document = json.loads(RESULTS.read_text(encoding="utf-8"))
    PAGE.write_text(page(read(), document, given.preliminary), encoding="utf-8")
    print(PAGE.relative_to(ROOT))


if __name__ == "__main__":
    main()
