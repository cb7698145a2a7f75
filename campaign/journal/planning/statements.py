"""The longer statements by which a plan is made, as both databases read them.

In: nothing.  Out: texts.  Touches: nothing.
"""

from __future__ import annotations

PUT_INTO = (  # a row that was put back has counts that must stay
    "INSERT INTO history (row, state, at, attempts, sendings, resends, reason)"
    " SELECT s.row, :state, :at, s.attempts, s.sendings, s.resends, :reason"
    " FROM standings s WHERE s.row = :of"
)
NOT_RENDERED = (
    "EXISTS (SELECT 1 FROM standings s JOIN history h ON h.change = s.change"
    " WHERE s.row = r.row AND s.state = 'skipped' AND h.reason LIKE 'render:%')"
)
# Rows up to :base that could not be used, each with the row that takes its place.
MENDED = (
    "SELECT row, min(by) FROM (SELECT r.row AS row, n.row AS by FROM recipients r"
    " JOIN standings s ON s.row = r.row JOIN history h ON h.change = s.change"
    " JOIN recipients n ON n.key = r.key AND n.reason = '' AND n.row > :base"
    " WHERE r.row <= :base AND r.reason = '' AND s.state = 'skipped' AND h.reason LIKE 'render:%'"
    " UNION ALL SELECT r.row AS row, n.row AS by FROM recipients r"
    " JOIN standings s ON s.row = r.row JOIN history h ON h.change = s.change"
    " JOIN sources f ON f.source = r.source"
    " JOIN recipients n ON n.line = r.line AND n.reason = '' AND n.row > :base"
    " JOIN sources g ON g.source = n.source AND g.name = f.name"
    " WHERE r.row <= :base AND r.reason <> '' AND s.state = 'skipped'"
    " AND h.reason NOT LIKE 'mended:%') found GROUP BY row ORDER BY row"
)
PHOTOGRAPH = (
    "INSERT INTO photographed (row, snapshot) VALUES (:row, :snapshot)"
    " ON CONFLICT (row) DO UPDATE SET snapshot = excluded.snapshot"
)
PART_OF = "'grouped: in the message of row '"
SAME_AS = "'duplicate: same address as row '"

# Rows beyond :base that have the key of an earlier row, with that earlier row.
# Of a group only the first counts: the others are in its message.  Whose keys come up only once,
# nearly all, are told by the index alone.
SUSPECTS = "SELECT key FROM recipients GROUP BY key HAVING count(*) > 1"
HEADS = (
    "reason = '' AND row > :base AND (group_key = '' OR row IN (SELECT min(row) FROM recipients"
    " WHERE group_key <> '' AND row > :base GROUP BY group_key))"
)
DUPLICATES = (
    "SELECT r.row AS row, k.first AS first FROM (SELECT key, min(row) AS first FROM recipients"
    f" WHERE key IN ({SUSPECTS}) AND {HEADS} GROUP BY key HAVING count(*) > 1) k"
    f" JOIN (SELECT row, key FROM recipients WHERE {HEADS}) r"
    " ON r.key = k.key AND r.row > k.first"
)
NOTE_REPEATS = (
    "INSERT INTO repeats (row) SELECT r.row FROM (SELECT key, min(row) AS first FROM recipients"
    " WHERE reason = '' GROUP BY key HAVING count(*) > 1) k"
    " JOIN recipients r ON r.key = k.key AND r.row > k.first"
    " WHERE r.reason = '' AND r.row > :base ORDER BY r.row"
)
