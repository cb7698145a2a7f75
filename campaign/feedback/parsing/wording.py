"""The words by which mails of machines are known, in the languages that they are written in.

In: nothing.  Out: patterns, that ignore case.  Touches: nothing.

A line is an alternative or several; none has a repetition without a bound.
"""

from __future__ import annotations

import re


def _any_of(block: str, *, before: str = "", flags: int = 0) -> re.Pattern[str]:
    words = "|".join(line.strip() for line in block.strip().splitlines())
    return re.compile(f"{before}(?:{words})", re.IGNORECASE | flags)


DAEMON = _any_of(
    r"""
    mailer-?daemon|postmaster|mail delivery (?:sub)?system|mail delivery service
    mail administrator|mdaemon|mail ?system|mail router|non.?delivery|mxdaemon
    delivery.?(?:status|failure|system)|system administrator|\bbounces?\b|mail server|courier
    microsoft exchange|microsoft outlook|自动退信|邮件系统
    """
)
UNDELIVERED = _any_of(
    r"""
    undeliver|undelivr|returned (?:mail|to sender)|return(?:ed)? mail|failure notice
    delivery.{0,20}fail|fail.{0,30}deliver|delivery (?:status )?notification|mail delivery
    non.?deliver|not delivered|(?:could|can)(?:.t|not| not) be delivered|user unknown
    delivery (?:problem|error|has failed|report|delayed)|delayed (?:mail|delivery)
    mail system error|warning: (?:message|could not send)|message (?:not|delivery)_
    bounced mail|mail status report|delivery to .{1,80} (?:failed|delayed)
    unzustellbar|nicht zugestellt|zustellung|non remis|échec de la (?:remise|distribution)
    non recapitabile|mancata consegna|no se (?:puede|pudo) entregar|devolvi|devuelto
    entrega fall|não (?:foi )?entregue|niedoręcz|не доставлено|недоставленное
    退信|配信不能|配信エラー|送信エラー|배달.?(?:실패|불가)
    """.replace("_", " ")
)
LATE = _any_of(
    r"""
    delayed|delay\)|warning: (?:message|could not send)|will be retried|still (?:be )?trying
    will (?:continue|keep) (?:to )?try|no action is required|transient non-fatal
    this is a warning message only|has not (?:yet )?been delivered
    """
)
FINAL = _any_of(
    r"""
    permanent|fatal errors|giving up|gave up|could not be delivered to one|has been returned
    retry timeout exceeded
    """
)
# Where the copy of our letter begins.
COPY = _any_of(
    r"""
    this is a copy of|below this line is a copy|-+ ?original message|the header of the original
    original message (?:follows|headers)|unsent message (?:below|follows)|a copy of your message
    the following is a copy|the headers of the (?:original|message)|----- message from
    (?:-+ )?(?:the body|header) of (?:your|the) (?:message|mail)|message header follows
    -+ ?(?:your )?message (?:header|text)|-+ ?(?:returned|undelivered|forwarded) message
    the original message (?:follows|was included)|reporting-mta:|received: (?:from|by)\b
    return-path: ?<|message-id: ?<|-+ ?urspr.ngliche|原始邮件|原邮件
    """,
    before=r"^\W{0,12}",
    flags=re.MULTILINE,
)
AUTO_SUBJECT = _any_of(
    r"""
    out of (?:the )?office|auto(?:matic)?[ -]?(?:reply|response|answer|mated)|autoreply
    automated (?:reply|response)|away from (?:my|the)|on (?:vacation|leave|holiday)|ooo\b
    vacation(?: reply| message|:)|i am away|i.?m (?:out|away)|away:|absen[ct]
    abwesen|automatische (?:antwort|reaktie)|außer haus|im urlaub|urlaub|afwezig
    r[ée]ponse automatique|en congés?|message d.absence|risposta automatica|fuori (?:sede|ufficio)
    assen[tz]|respuesta autom[aá]tica|fuera de (?:la )?oficina|ausen|resposta autom[aá]tica
    fora do escrit[oó]rio|f[eé]rias|autosvar|frånvaro|fraværende|poissa|automaattinen
    automatisk|automatisch antwoord
    odpowied[zź] automatyczna|poza biurem|nieobecno|автоответ|автоматический ответ
    нет на месте|в отпуске|otomatik|自动回复|自動回覆|自動回復|外出|休假|不在|自動応答
    自動返信|부재|자동 ?(?:응답|회신)|we (?:have )?received your (?:message|e-?mail|request)
    we (?:have )?received your (?:enquiry|inquiry)|thank you for (?:your (?:e-?mail|message))
    thank you for contacting|ticket (?:received|created)|\[(?:ticket|case|request)[ #]
    """,
    before=r"^\W*(?:(?:re|aw|sv|antw|tr|odp)\s*:\s*)?",
)
CHALLENGE = _any_of(
    r"""
    please confirm (?:your|this) (?:message|e-?mail)|sender verification|challenge|spam ?arrest
    confirm(?:ation)? (?:of )?your (?:message|e-?mail) (?:is )?(?:required|needed)|boxtrapper
    verify your (?:message|e-?mail to)|your (?:e-?mail|message) requires verification|tmda
    requires your confirmation|anti-?spam.{0,20}(?:verif|confirm)|bluebottle|mailblocks
    whitelist (?:request|confirmation)|action required to deliver|please authenticate|vouch for
    """
)
RECEIPT = _any_of(
    r"""
    ^\W*(?:read|lu|gelesen|letto|leído|lido|已读|開封|开封|개봉|прочитано)\s*:
    return receipt|read receipt|read notification|lesebestätigung|confirmation de lecture
    """
)
AGGREGATE = _any_of(r"report domain:.{1,300}submitter:|report-id:")
