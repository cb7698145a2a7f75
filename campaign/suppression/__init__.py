"""Who must not be written to, why, and in which scope: one store for all campaigns of a sender.

Others use these names::

    with SuppressionStore.open(url, folder, clock, soft=policy) as store:
        store.add([Suppressed(key, scope, Reason.HARD, source, campaign, at, evidence=reply)])
        store.lookup(keys, ("*", "newsletter"))      # {key: the gravest Suppressed in force}
        store.why(key)                               # all that is known of one address
        store.undo(key, "newsletter")                # the person's own "undo", within 30 days
        store.remove(key, scope, because="...")      # an operator's
        store.erase(key)                             # forgets the address, and still knows it
        store.soft([SoftBounce(key, campaign, at, evidence)])   # may suppress, by the policy
        store.accepted(keys, campaign)               # their runs of soft bounces are over
        store.iterate(), store.load(entries)         # all of it; millions at once

A key is `Address.key`; where all that is known is `addresses.tokens.key_digest`, that is one too.
A scope is "*", everything, or the name of a list (`[unsubscribe] list`).

What `add`, `undo`, `remove`, `erase`, `soft` and `accepted` did is on the disk when they return.
Several processes may write at once.  All of them raise SuppressionError when the store cannot be
read or written.  A store is used by one thread at a time, whichever; calls from several wait.
"""
