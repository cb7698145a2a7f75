"""What providers write when they mean something: the texts that outweigh the codes.

In: nothing.  Out: `PHRASES`, read by `verdicts`.  Touches: nothing.

Collected from the postmaster pages of the providers and from replies as they are met.  The first
phrase that fits decides, so the order is the rule: what is about us (policy, pace, quota) stands
before what is about the recipient, because the costly mistake is to read a throttle or a policy
as a dead address.  Plain substrings of the lower-case text, never patterns: a hostile reply cannot
make the search slow.
"""

from __future__ import annotations

from typing import NamedTuple

from campaign.records import ReplyClass

_MINUTE, _HOUR = 60.0, 3600.0


class Phrase(NamedTuple):
    """Fits when every part stands in the text, and the code begins with `digit` if given."""

    class_: ReplyClass
    parts: tuple[str, ...]
    digit: int = 0
    pause_s: float = 0.0


def _each(
    class_: ReplyClass, block: str, *, digit: int = 0, pause_s: float = 0.0
) -> tuple[Phrase, ...]:
    """One phrase for each text of the block.

    Texts stand between "|"; "a + b" asks for both; "_" at an end is a space; "  #" begins a note.
    """
    phrases = []
    for line in block.strip().splitlines():
        for text in line.partition("  #")[0].split("|"):
            parts = tuple(_spaced(part.strip()) for part in text.split(" + "))
            phrases.append(Phrase(class_, parts, digit, pause_s))
    return tuple(phrases)


def _spaced(text: str) -> str:
    start = " " if text.startswith("_") else ""
    end = " " if text.endswith("_") else ""
    return start + text.strip("_") + end


PHRASES: tuple[Phrase, ...] = (
    # The sentences of RFC 5321 itself name mailbox and policy in one breath: they say nothing.
    *_each(ReplyClass.UNKNOWN, "mailbox not found, no access", digit=5),
    *_each(ReplyClass.RECIPIENT_TRANSIENT, "(e.g., mailbox busy", digit=4),
    # -- we were not to speak yet -----------------------------------------------------------
    *_each(ReplyClass.PROTOCOL, "synchronization error | synchronisation error | pipelin"),
    # -- the connection has carried enough --------------------------------------------------
    *_each(
        ReplyClass.RECONNECT,
        """
        message per connection | messages per connection  # Yahoo, Outlook
        mi:dmc | rp:drc | mi:cel | mi:ccl | rp:cel | rp:ccl  # 163, 126
        messages for this session | messages in this session | messages this session
        messages in one session | mails per session | transactions in this session
        messages in this connection | too many transactions | message limit reached, closing
        """,
    ),
    # -- one recipient gets too much --------------------------------------------------------
    *_each(
        ReplyClass.RECIPIENT_THROTTLE,
        """
        receiving mail too quickly  # Gmail, Yahoo
        at a rate that prevents additional messages | receivingrate  # Gmail
        recipient thread limit exceeded  # Exchange
        mailbox unavailable or access denied  # QQ: this recipient got too much mail
        too many messages for this recipient | too many mails for this recipient
        """,
    ),
    # -- the quota of our account -----------------------------------------------------------
    *_each(
        ReplyClass.QUOTA,
        """
        daily smtp relay | daily user sending  # Gmail relay
        daily sending quota | daily sending limit  # Aliyun and others
        daily message quota  # SES
        daily relay quota
        daily limit for message recipients | daily limit for sending  # Exchange Online
        external recipient rate limit  # Exchange Online 5.7.232, 5.7.233
        daily quota | messages quota reached | sending quota exceeded | monthly limit
        sending limit exceeded | your sending limit | the sending limit
        """,
        pause_s=6 * _HOUR,
    ),
    *_each(
        ReplyClass.QUOTA,
        """
        peak smtp relay limit  # Gmail relay
        emails per hour | failures per hour  # cPanel
        messages per hour | recipients per hour | hourly limit
        """,
        pause_s=_HOUR,
    ),
    *_each(ReplyClass.QUOTA, "message submission rate", pause_s=_MINUTE),  # Exchange
    # -- who we are, what is known of us ----------------------------------------------------
    # Gmail's 4.7.28 names the DKIM or SPF domain it counts by; with a 5xx the same is a block.
    *_each(ReplyClass.THROTTLE, "unusual rate of", digit=4, pause_s=10 * _MINUTE),
    *_each(
        ReplyClass.POLICY,
        """
        same message-id | rate limited because | not in whitelist  # Gmail
        unauthenticated | ptr record | ptr resource record | reverse dns | reverse hostname
        cannot find your hostname | does not resolve | rdns | mismatches client ip
        invalid ip for sending | dns error when resolving | has no a, aaaa | dns check failed
        dmarc | dkim | spf check | spf fail | fails spf | sender policy framework | _spf_ | (spf)
        anti-spoofing
        """,
    ),
    *_each(
        ReplyClass.POLICY,
        """
        [tss09] | [tss11] | permanently deferred | [bl21] | [bl23]  # Yahoo, AOL
        [cs01]  # iCloud
        hl:mep | hl:ihu | hl:ipb | dt:rbl | wm:bl  # 163, 126
        bl0000  # Comcast
        aup#  # Cloudmark gateways: Cox, Charter
        spamhaus | spamcop | barracudacentral | cloudmark | sorbs | abuseat | senderscore
        ivmsip | invaluement | proofpoint.com | dnsbl | _rbl | rbl:
        blacklist | black list | blocklist | block list | block listed | denylist
        blocked using | banned send | is banned | been banned | bad outbound sender | outbound spam
        is listed on | is listed in | is listed at
        a problem occurred. + (bl)  # T-Online
        :blocked)  # Barracuda
        geoip | blocked for abuse | your ip or email address blocked | host network not allowed
        unfortunately, messages from  # Outlook
        not accepting connections  # iCloud
        """,
    ),
    *_each(
        ReplyClass.POLICY,
        """
        not owned by user | must equal authorized user  # 163, QQ as relay
        same as authorization user | same as authentication user
        conform with authentication | non-local account | behaviour spam  # Aliyun
        email address is not verified | not verified  # SES
        send as this sender | sendasdenied  # Exchange
        access denied, traffic not accepted | exceeded threshold  # Exchange Online 5.7.708, 705
        not authorized to send | not allowed to send | sender address | sender domain
        sender account | from: domain is invalid | provide a valid from: | '5.7.
        5.7.1 + access denied | insecure mail relay | denied by policy | header error
        domain of sender | sender rejected | sender is rejected | sender denied
        sender verify failed | sender invalid | invalid sender
        relay access denied | relaying denied | relay denied | relay not permitted
        relaying not | relaying is not | unable to relay | permitted to relay | allowed to relay
        rcpthosts | your account | your network | client host blocked | client host rejected
        administrative prohibition | security policies | security policy | due to policy
        local policy | policy reasons | policy restrictions | policy violation
        violates our policy | email policy
        """,
    ),
    *_each(
        ReplyClass.POLICY,
        """
        unusual rate of | reputation
        ip address has been blocked | ip has been blocked | ip is blocked
        connections will not be accepted
        """,
        digit=5,
    ),
    # -- the pace ---------------------------------------------------------------------------
    *_each(  # Yahoo, AOL
        ReplyClass.THROTTLE,
        "[tss04] | [ts01] | [ts02] | [ts03] | [ipts04] | user complaints",
        pause_s=2 * _HOUR,
    ),
    *_each(ReplyClass.THROTTLE, "[tss05] | [ipts05]", pause_s=4 * _HOUR),
    *_each(ReplyClass.THROTTLE, "rp:orq | hl:itc | hl:ifq", pause_s=12 * _HOUR),  # 163: the day's
    *_each(
        ReplyClass.THROTTLE,
        """
        frequency limited  # QQ, although 5xx
        hl:icc | hl:ifc | hl:ihc  # 163: connections at once, volume
        hl:rep  # 163: too many addresses that do not exist
        vs98-ip0  # Yahoo Japan
        """,
        pause_s=_HOUR,
    ),
    *_each(
        ReplyClass.THROTTLE,
        """
        mi:sfq  # 163: the sender's fifteen minutes
        [bs02] | [hcm1] | your mail from + was deferred  # iCloud
        rp-00 | limits for how many messages  # Outlook
        rl0000  # Comcast
        service refuse  # Orange
        """,
        pause_s=15 * _MINUTE,
    ),
    *_each(ReplyClass.THROTTLE, "dt:spm", digit=4, pause_s=2 * _MINUTE),  # 163: "please try again"
    *_each(
        ReplyClass.THROTTLE,
        """
        throttl  # SES "Throttling failure", Comcast "Throttled"
        server busy | server is busy | agent busy | system busy  # Gmail, Outlook
        try again later, closing connection  # Gmail
        temporary server error  # iCloud, Outlook
        resources temporarily  # Yahoo 4.16.1
        internal resource  # Mimecast
        trop de connexions  # Orange
        too many errors from your ip  # Free
        rate limit | rate-limit | ratelimit | sending rate | message rate | connection rate
        too many connections | too many concurrent | too many simultaneous | too many sessions
        too many smtp sessions | maximum number of connections | max concurrent connections
        number of concurrent connections | connection limit | connections from your
        too many messages | too many invalid recipients | too many unknown | unexpected volume
        sender rate | slow down | try again slower | sending too fast | temporarily deferred
        temporarily blocked | temporarily limited | temporarily rejected due to
        """,
    ),
    *_each(ReplyClass.THROTTLE, "reputation", digit=4),
    # -- how to connect and who to be -------------------------------------------------------
    *_each(ReplyClass.MESSAGE, "resolver.rst. + sizelimit", digit=5),  # Exchange
    *_each(ReplyClass.RECIPIENT_REFUSES, "resolver.rst."),  # Exchange: a closed group
    *_each(
        ReplyClass.TLS,
        """
        starttls first | issue a starttls | issue starttls | starttls is required
        starttls required | tls required | tls is required | requires tls
        encryption required | encryption is required
        """,
    ),
    *_each(
        ReplyClass.LOGIN,
        """
        authentication required | authentication is required | authentication needed
        requires authentication | auth required | please authenticate | must authenticate
        must be authenticated | not authenticated | smtp authentication | authentication failed
        authentication unsuccessful | authentication failure
        """,
        digit=5,
    ),
    # -- a first try that is put off --------------------------------------------------------
    *_each(ReplyClass.RECIPIENT_TRANSIENT, "greylist | graylist | grey list", digit=4),
    # -- the message ------------------------------------------------------------------------
    *_each(
        ReplyClass.MESSAGE,
        """
        dt:spm  # 163
        content denied  # QQ
        likely unsolicited | likely suspicious | message is suspicious  # Gmail
        security issue  # Gmail: forbidden attachment types
        content rejected | content filter | content policy | banned content
        unacceptable content | content spam | spam content | contain the spam | spam message
        spam detected | spam rejected | spam score | reject spam | spamtext | spam-like
        spam or virus | as spam | to be spam | like spam | is spam | considered spam
        suspected spam | unsolicited bulk | bulk mail | junkmail | virus | malware | phishing
        uribl | surbl | illegal attachment | attachment type
        message size exceeds | message too large | message too big | message is too large
        message file too big | maximum message size | maximum size | size limit of
        message size limits
        header | rfc 5322 | rfc5322 | rfc 2822 | bare lf | bare linefeed | bare newline
        line too long | line length
        """,
    ),
    # -- the recipient does not want or cannot take it --------------------------------------
    *_each(
        ReplyClass.RECIPIENT_REFUSES,
        """
        overquota | over quota | quota exceeded | exceeds quota | exceeded quota
        quota limit exceeded | quota violation | mailbox quota | mailbox full | mailbox is full
        mailbox for user is full | box is full | storage full | out of storage | storage space
        storage allocation | exceeded storage | mailbox limit
        邮箱已满 | 邮箱空间不足 | 信箱已满  # QQ, 163
        recipient address rejected: access denied  # Exchange 5.4.1
        blocked by recipient | rejected by recipient | recipient has blocked | recipient refuses
        user rejected | not allowed to receive | doesn't accept mail from
        does not accept mail from | only accepts messages from | restricted recipient
        recipientrestricted | mail loop | mailloop | too many hops | hop count | loops back
        """,
    ),
    *_each(
        ReplyClass.RECIPIENT_GONE,
        """
        tried to reach does not exist | tried to reach is disabled  # Gmail
        tried to reach is inactive | disableduser | nosuchuser
        mailbox is disabled | 554.30 | doesn't have a + account  # Yahoo
        account + dosn't exist  # Aliyun, as written
        not our customer  # Comcast
        user unknown | unknown user | unknown recipient | unknown mailbox | unknown address
        recipient unknown | recipient unrecognized | address unknown
        no such user | no such recipient | no such mailbox | no such address | no such person
        no mailbox | no mail-box | mailbox not found | mailbox does not exist
        mailbox doesn't exist | mailbox unavailable | mailbox disabled | invalid mailbox
        invalid recipient | invalid user | not a valid recipient | not a valid mailbox
        not a valid user | not a known user | not listed in | recipient not found
        recipientnotfound | recipient does not exist | recipient not exist
        user not found | user not exist | user does not exist | user doesn't exist
        address does not exist | account does not exist
        account disabled | account is disabled | account has been disabled | account closed
        account is not active | account inactive | account is suspended | account not activated
        account deactivated | undeliverable address | unrouteable address
        no longer on server | no longer valid | no longer active | no longer available
        null mx | (nullmx) | tenant or domain not found
        邮箱不存在 | 邮箱地址不存在 | 地址不存在 | 用户不存在 | 收件人不存在 | 帐号不存在  # QQ, 163
        utilisateur inconnu | adresse inconnue | empfänger unbekannt | nessun utente simile
        no existe
        """,
    ),
    *_each(ReplyClass.TOO_MANY_RECIPIENTS, "too many recipients"),
)
