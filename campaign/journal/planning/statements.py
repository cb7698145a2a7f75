"""The longer statements by which a plan is made, as both databases read them.

In: nothing.  Out: texts.  Touches: nothing.
"""

from __future__ import annotations

PUT_INTO = (  # a row that was put back has counts that must stay
    "INSERT INTO history (row, state, at, attempts, sendings, resends, reason)"
    " SELECT s.row, :state, :at, s.attempts, s.sendings, s.resends, :reason"
    " FROM standings s WHERE s.row = :of"
)
# Of rows of the list as it is now: rejects that the plan does not have, and people for whom no row
# of the plan stands.  A row stands for its person that is settled or waits, but not where it waits
# with cells that no row of the person has any more: then the first of them is taken in.
_BY_RANK = "v.value DESC NULLS LAST, a.row"
MOVED = (
    "INSERT INTO recipients (row, source, line, address, key, domain, data, reason, group_key)"
    " SELECT :base + ROW_NUMBER() OVER (ORDER BY a.row), a.source, a.line, a.address,"
    " a.key, a.domain, a.data, a.reason, a.group_key FROM arrivals a"
    " LEFT JOIN (SELECT DISTINCT address, reason FROM recipients WHERE reason <> '') known"
    " ON a.reason <> '' AND known.address = a.address AND known.reason = a.reason"
    " WHERE known.address IS NULL AND (a.reason <> '' OR NOT EXISTS (SELECT 1 FROM recipients r"
    " JOIN standings s ON s.row = r.row LEFT JOIN history h ON h.change = s.change"
    " WHERE r.key = a.key AND r.reason = '' AND (s.state NOT IN ('skipped', 'planned', 'deferred')"
    " OR (s.state = 'skipped' AND h.reason NOT LIKE 'duplicate:%' AND h.reason NOT LIKE 'mended:%'"
    " AND h.reason NOT LIKE 'removed:%'"
    " AND NOT (h.reason LIKE 'left out:%' AND r.key NOT IN (SELECT key FROM leaving))"
    " AND NOT (h.reason LIKE 'render:%' AND r.data <> a.data))"
    " OR (s.state IN ('planned', 'deferred') AND (s.doubts > 0 OR r.group_key <> ''"
    " OR :several = 'allow' OR EXISTS (SELECT 1 FROM arrivals b WHERE b.key = a.key"
    " AND b.reason = '' AND (b.data = r.data OR b.row < a.row)))))))"
    " ORDER BY a.row"
)
# A whole list, the highest rank first; the rows of a group stay together, in their order.
PUT_IN_ORDER = (
    "INSERT INTO recipients (row, source, line, address, key, domain, data, reason, group_key)"
    f" SELECT ROW_NUMBER() OVER (ORDER BY {_BY_RANK}), a.source, a.line, a.address, a.key,"
    " a.domain, a.data, a.reason, a.group_key FROM arrivals a LEFT JOIN ranks v ON v.row = a.row"
    f" ORDER BY {_BY_RANK}"
)
RANK_GROUPS = (
    "UPDATE ranks SET value = g.value FROM (SELECT b.row AS row, m.value AS value"
    " FROM (SELECT a.group_key, max(v.value) AS value FROM arrivals a JOIN ranks v ON v.row = a.row"
    " WHERE a.group_key <> '' GROUP BY a.group_key) m JOIN arrivals b"
    " ON b.group_key = m.group_key) g WHERE ranks.row = g.row"
)
UNRANKED = (
    "SELECT count(*) FROM arrivals a LEFT JOIN ranks v ON v.row = a.row"
    " WHERE a.reason = '' AND v.value IS NULL"
)
# Rows up to :base whose place a row beyond it takes, with that row, and the states of both.
MENDED = (
    "SELECT row, min(by), min(state), min(now) FROM (SELECT r.row AS row, n.row AS by,"
    " s.state AS state, t.state AS now"
    " FROM recipients n JOIN standings t ON t.row = n.row"
    " JOIN recipients r ON r.key = n.key AND r.reason = '' AND r.row <= :base"
    " JOIN standings s ON s.row = r.row LEFT JOIN history h ON h.change = s.change"
    " WHERE n.reason = '' AND n.row > :base AND (s.state IN ('planned', 'deferred')"
    " OR (s.state = 'skipped' AND (h.reason LIKE 'render:%' OR h.reason LIKE 'removed:%'"
    " OR h.reason LIKE 'left out:%')))"
    " UNION ALL SELECT r.row AS row, n.row AS by, s.state AS state, s.state AS now"
    " FROM recipients r"
    " JOIN standings s ON s.row = r.row JOIN history h ON h.change = s.change"
    " JOIN sources f ON f.source = r.source"
    " JOIN recipients n ON n.line = r.line AND n.reason = '' AND n.row > :base"
    " JOIN sources g ON g.source = n.source AND g.name = f.name"
    " WHERE r.row <= :base AND r.reason <> '' AND s.state = 'skipped'"
    " AND h.reason NOT LIKE 'mended:%') found GROUP BY row ORDER BY row"
)
# People of the plan who wait, and whom no row of the list names any more.
REMOVED = (
    "INSERT INTO history (row, state, at, attempts, sendings, resends, reason)"
    " SELECT r.row, 'skipped', :now, s.attempts, s.sendings, s.resends, :reason"
    " FROM standings s JOIN recipients r ON r.row = s.row"
    " WHERE s.state IN ('planned', 'deferred') AND r.row <= :base AND r.reason = ''"
    " AND NOT EXISTS (SELECT 1 FROM arrivals a WHERE a.key = r.key) ORDER BY r.row"
)
MOVED_IN_ORDER = MOVED.replace("ORDER BY a.row", f"ORDER BY {_BY_RANK}").replace(
    "FROM arrivals a LEFT", "FROM arrivals a LEFT JOIN ranks v ON v.row = a.row LEFT", 1
)
# `leaving`: keys of people who get no letter for what an earlier campaign came to, with the reason.
MEANT = "INSERT INTO meant (key) VALUES (:key) ON CONFLICT DO NOTHING"
NOT_MEANT = "DELETE FROM meant WHERE key = :key"
LEAVE_THESE = (
    "INSERT INTO leaving (key, reason) SELECT key, :reason FROM meant WHERE 1 = 1"
    " ON CONFLICT DO NOTHING"
)
LEAVE_OTHERS = (
    "INSERT INTO leaving (key, reason) SELECT DISTINCT key, :reason FROM {table}"
    " WHERE reason = '' AND key NOT IN (SELECT key FROM meant) ON CONFLICT DO NOTHING"
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
