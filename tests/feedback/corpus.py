"""Mails as they come back, with what they mean: each sending software, each class, false friends.

The sentences are those that the servers write; addresses and hosts are made up.
"""

# ruff: noqa: E501, RUF001

from __future__ import annotations

import base64
from typing import NamedTuple

ADA = "ada@example.org"
SENDER = "b+aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@b.example.com"
MESSAGE_ID = "<0123456789abcdef0123456789abcdef@example.com>"
DATE = "Tue, 10 Nov 2026 09:15:00 +0000"

ORIGINAL = (
    f"Return-Path: <{SENDER}>\nReceived: from mail.example.com (mail.example.com [192.0.2.1])\n"
    f"\tby mx.example.org with ESMTPS; {DATE}\nFrom: Shop <news@example.com>\n"
    f"To: Ada <{ADA}>\nSubject: Your plan renews\nMessage-ID: {MESSAGE_ID}\n"
    f"Date: {DATE}\nMIME-Version: 1.0\nContent-Type: text/plain\n"
    "List-Unsubscribe: <mailto:u@example.com?subject=unsubscribe%20uAAtoken>\n"
)


class Sample(NamedTuple):
    """A mail with its labels.

    means: the weight of a bounce, else the sort of the mail
    kind: of the event; "" where there is none
    """

    name: str
    raw: bytes
    means: str
    kind: str = "bounced"
    address: str = ADA


def mail(subject: str, body: str, *, sender: str, fields: str = "", to: str = SENDER) -> bytes:
    head = f"From: {sender}\nTo: {to}\nSubject: {subject}\nDate: {DATE}\n{fields}"
    return f"{head}\n{body}".encode()


def dsn(
    status: str, diagnostic: str, *, action: str = "failed", text: str = "", final: str = ADA,
    sender: str = "MAILER-DAEMON@mx.example.net", subject: str = "Undelivered Mail Returned to Sender",
    original: str = ORIGINAL, returned: str = "text/rfc822-headers", more: str = "", fields: str = "",
) -> bytes:  # fmt: skip
    diagnosed = f"Diagnostic-Code: {diagnostic}\n" if diagnostic else ""
    body = (
        f"--=_b\nContent-Type: text/plain; charset=utf-8\n\n{text or 'Sorry.'}\n"
        "--=_b\nContent-Type: message/delivery-status\n\n"
        f"Reporting-MTA: dns; mx.example.net\n{more}Arrival-Date: {DATE}\n\n"
        f"Final-Recipient: rfc822; {final}\nAction: {action}\nStatus: {status}\n{diagnosed}\n"
    )
    if original:
        body += f"--=_b\nContent-Type: {returned}\n\n{original}\n"
    kind = 'Content-Type: multipart/report; report-type=delivery-status; boundary="=_b"\n'
    return mail(
        subject, f"{body}--=_b--\n", sender=sender, fields=f"MIME-Version: 1.0\n{kind}{fields}"
    )


def arf(type_: str, *, recipient: str = ADA, original: str = ORIGINAL) -> bytes:
    rcpt = f"Original-Rcpt-To: <{recipient}>\n" if recipient else ""
    return mail(
        "Abuse report",
        "--=_a\nContent-Type: text/plain\n\nThis is an email abuse report.\n"
        f"--=_a\nContent-Type: message/feedback-report\n\nFeedback-Type: {type_}\n"
        f"User-Agent: SomeFBL/1.0\nVersion: 1\n{rcpt}Source-IP: 192.0.2.1\n\n"
        f"--=_a\nContent-Type: message/rfc822\n\n{original}\nHello.\n--=_a--\n",
        sender="staff@fbl.example.net",
        fields="MIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="=_a"\n',
    )


def prose(subject: str, text: str, *, sender: str, fields: str = "", copy: str = "") -> bytes:
    return mail(subject, f"{text}\n{copy}{ORIGINAL}\nHello.\n", sender=sender, fields=fields)


def html(subject: str, text: str, *, sender: str) -> bytes:
    fields = "MIME-Version: 1.0\nContent-Type: text/html; charset=gb18030\nContent-Transfer-Encoding: base64\n"
    packed = base64.encodebytes(text.encode("gb18030")).decode()
    return mail(subject, packed, sender=sender, fields=fields)


QMAIL_HEAD = (
    "Hi. This is the qmail-send program at mx.example.net.\nI'm afraid I wasn't able to deliver your"
    " message to the following addresses.\nThis is a permanent error; I've given up. Sorry it didn't"
    " work out.\n\n"
)
QMAIL_COPY = "\n--- Below this line is a copy of the message.\n\n"
EXIM_HEAD = (
    "This message was created automatically by mail delivery software.\n\nA message that you sent"
    " could not be delivered to one or more of its\nrecipients. This is a permanent error. The"
    " following address(es) failed:\n\n"
)
EXIM_COPY = "\n------ This is a copy of the message, including all the headers. ------\n\n"


def postfix(status: str, said: str, **more: str) -> bytes:
    diagnostic = said if said.startswith("X-") else f"smtp; {said}"
    text = f"This is the mail system at host mx.example.net.\n\n<{ADA}>: host mx.example.org[192.0.2.9] said: {said}"
    return dsn(status, diagnostic, text=text, sender="MAILER-DAEMON@mx.example.net (Mail Delivery System)",
               more=f"X-Postfix-Queue-ID: 4F1\nX-Postfix-Sender: rfc822; {SENDER}\n", **more)  # fmt: skip


def qmail(reason: str) -> bytes:
    return prose("failure notice", f"{QMAIL_HEAD}<{ADA}>:\n{reason}\n", sender="MAILER-DAEMON@mx.example.net",
                 copy=QMAIL_COPY)  # fmt: skip


def exim(reason: str, *, is_named: bool = True) -> bytes:
    named = f"X-Failed-Recipients: {ADA}\nAuto-Submitted: auto-replied\n" if is_named else ""
    return prose("Mail delivery failed: returning message to sender", f"{EXIM_HEAD}  {ADA}\n    {reason}\n",
                 sender="Mail Delivery System <Mailer-Daemon@mx.example.net>", fields=named, copy=EXIM_COPY)  # fmt: skip


def sendmail(status: str, reply: str, *, action: str = "failed") -> bytes:
    text = (
        "   ----- The following addresses had permanent fatal errors -----\n"
        f"<{ADA}>\n    (reason: {reply})\n\n   ----- Transcript of session follows -----\n"
        f"... while talking to mx.example.org.:\n>>> DATA\n<<< {reply}\n"
    )
    return dsn(status, f"SMTP; {reply}", text=text, action=action, subject="Returned mail: see transcript for details",
               sender="Mail Delivery Subsystem <MAILER-DAEMON@mx.example.net>")  # fmt: skip


def exchange(status: str, reason: str) -> bytes:
    text = f"Delivery has failed to these recipients or groups:\n\nAda ({ADA})\n{reason}"
    return dsn(status, f"smtp;{reason}", text=text, subject="Undeliverable: Your plan renews",
               sender="postmaster@example.org", fields="X-MS-Exchange-Message-Is-Ndr:\n")  # fmt: skip


def old_exchange(reason: str) -> bytes:
    text = (
        "Your message\n\n  To:      Ada\n  Subject: Your plan renews\n  Sent:    Tue, 10 Nov 2026\n\n"
        "did not reach the following recipient(s):\n\n"
        f"{ADA} on Tue, 10 Nov 2026 09:15:00 +0000\n    {reason}\n"
    )
    return prose("Undeliverable: Your plan renews", text, sender="System Administrator <postmaster@example.org>",
                 copy="\n----- Original Message -----\n")  # fmt: skip


def gmail(status: str, reply: str) -> bytes:
    text = f"** Message not delivered **\n\nThere was a problem delivering your message to {ADA}.\n\nThe response was:\n\n{reply}"
    return dsn(status, f"smtp; {reply}", text=text, subject="Delivery Status Notification (Failure)",
               sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>")  # fmt: skip


def old_gmail(reply: str) -> bytes:
    text = (
        f"Delivery to the following recipient failed permanently:\n\n     {ADA}\n\n"
        "Technical details of permanent failure:\nGoogle tried to deliver your message, but it was"
        " rejected by the server for the recipient domain example.org by mx.example.org. [192.0.2.9].\n\n"
        f"The error that the other server returned was:\n{reply}\n"
    )
    return prose("Delivery Status Notification (Failure)", text, copy="\n----- Original message -----\n\n",
                 sender="Mail Delivery Subsystem <mailer-daemon@googlemail.com>")  # fmt: skip


def yahoo(reply: str) -> bytes:
    text = f"Sorry, we were unable to deliver your message to the following address.\n\n<{ADA}>:\n{reply}\n"
    return prose("Failure Notice", text, sender="MAILER-DAEMON@yahoo.com", copy="\n--- Below this line is a copy of the message.\n\n")  # fmt: skip


def courier(reply: str) -> bytes:
    text = (
        "This is a delivery status notification from mx.example.net,\nrunning the Courier mail server.\n\n"
        "---------------------------------------------------------------------------\n\n"
        "                           UNDELIVERABLE MAIL\n\nYour message to the following recipients cannot"
        f" be delivered:\n\n<{ADA}>:\n    mx.example.org [192.0.2.9]:\n<<< {reply}\n\n"
    )
    return dsn("5.0.0", f"smtp; {reply}", text=text, sender="Courier mail server <postmaster@mx.example.net>",
               subject="NOTICE: mail delivery status.")  # fmt: skip


def domino(reason: str) -> bytes:
    text = f"Your message\n\n  Subject: Your plan renews\n\nwas not delivered to:\n\n  {ADA}\n\nbecause:\n\n  {reason}\n"
    return prose("DELIVERY FAILURE: " + reason[:40], text, sender="Postmaster@example.org", copy="\n----- Message from us -----\n")  # fmt: skip


def qq(reason: str, advice: str) -> bytes:
    return html("系统退信", f"<div>你发送的邮件未能成功发送给以下收件人：</div><p>{ADA}</p><p>退信原因 {reason}</p><p>{advice}</p><p>{MESSAGE_ID.strip('<>')}</p>",
                sender="postmaster@qq.com")  # fmt: skip


def netease(reply: str) -> bytes:
    return dsn("5.0.0", f"smtp; {reply}", subject="=?utf-8?b?57O757uf6YCA5L+h?=", sender="Postmaster@163.com",
               text=f"抱歉，您的邮件被退回来了……\n收件人邮件地址：{ADA}\n退信原因：{reply}")  # fmt: skip


GONE, SOFT, MESSAGE, SENDER_, WAY = "hard", "soft", "message", "sender", "infrastructure"

BOUNCES = [
    # -- Postfix -----------------------------------------------------------------------------
    Sample("postfix unknown user", postfix("5.1.1", f"550 5.1.1 <{ADA}>: Recipient address rejected: User unknown in virtual mailbox table (in reply to RCPT TO command)"), GONE),
    Sample("postfix local unknown", postfix("5.1.1", 'X-Postfix; unknown user: "ada"'), GONE),
    Sample("postfix no such domain", postfix("5.1.2", "X-Postfix; Host or domain name not found. Name service error for name=example.org type=MX: Host not found"), GONE),
    Sample("postfix nxdomain 5.4.4", postfix("5.4.4", "X-Postfix; Host or domain name not found. Name service error for name=example.org type=A: Host not found"), SOFT),
    Sample("postfix dns soft", postfix("4.4.3", "X-Postfix; Host or domain name not found. Name service error for name=example.org type=MX: Host not found, try again)"), WAY),
    Sample("postfix timed out", postfix("4.4.1", "X-Postfix; connect to mx.example.org[192.0.2.9]:25: Connection timed out"), WAY),
    Sample("postfix refused", postfix("4.4.1", "X-Postfix; connect to mx.example.org[192.0.2.9]:25: Connection refused"), WAY),
    Sample("postfix no route", postfix("4.4.1", "X-Postfix; connect to mx.example.org[2001:db8::9]:25: Network is unreachable"), WAY),
    Sample("postfix lost connection", postfix("4.4.2", "X-Postfix; lost connection with mx.example.org[192.0.2.9] while sending RCPT TO"), WAY),
    Sample("postfix full", postfix("5.2.2", f"552 5.2.2 <{ADA}>: mailbox full (in reply to RCPT TO command)"), SOFT),
    Sample("postfix full 4xx expired", postfix("4.2.2", f"452 4.2.2 <{ADA}> Mailbox is full / over quota"), SOFT),
    Sample("postfix greylisted to the end", postfix("4.7.1", f"450 4.7.1 <{ADA}>: Recipient address rejected: Greylisted"), SOFT),
    Sample("postfix rbl", postfix("5.7.1", "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; https://www.spamhaus.org/query/ip/192.0.2.1 (in reply to RCPT TO command)"), SENDER_),
    Sample("postfix relay denied", postfix("5.7.1", f"554 5.7.1 <{ADA}>: Relay access denied (in reply to RCPT TO command)"), SENDER_),
    Sample("postfix ptr", postfix("5.7.25", "550 5.7.25 Client host rejected: cannot find your hostname, [192.0.2.1] (in reply to RCPT TO command)"), SENDER_),
    Sample("postfix size", postfix("5.3.4", "552 5.3.4 Message size exceeds fixed limit (in reply to MAIL FROM command)"), MESSAGE),
    Sample("postfix spam", postfix("5.7.1", "550 5.7.1 Message content rejected, spam score 12.3 (in reply to end of DATA command)"), MESSAGE),
    Sample("postfix unknown 5xx to the dot", postfix("5.0.0", "554 Transaction failed (in reply to end of DATA command)"), SENDER_),
    Sample("postfix loops", postfix("5.4.6", "X-Postfix; mail for example.org loops back to myself"), SOFT),
    Sample("postfix null mx", postfix("5.1.0", "X-Postfix; Domain example.org does not accept mail (nullMX)"), GONE),
    Sample("postfix returns whole", postfix("5.1.1", f"550 5.1.1 <{ADA}>: Recipient address rejected: User unknown in local recipient table", returned="message/rfc822"), GONE),
    # -- Sendmail ----------------------------------------------------------------------------
    Sample("sendmail unknown", sendmail("5.1.1", f"550 5.1.1 <{ADA}>... User unknown"), GONE),
    Sample("sendmail host unknown", sendmail("5.1.2", "550 5.1.2 Host unknown (Name server: example.org: host not found)"), GONE),
    Sample("sendmail blocked", sendmail("5.7.1", "550 5.7.1 Mail from 192.0.2.1 refused by blackhole site bl.spamcop.net"), SENDER_),
    Sample("sendmail quota", sendmail("5.2.2", "552 5.2.2 Over quota"), SOFT),
    Sample("sendmail deferred too long", sendmail("4.4.7", "450 4.4.7 Message could not be delivered for 5 days: message will be deleted from queue"), SOFT),
    Sample("sendmail unix code", dsn("5.1.1", "X-Unix; 67", text=f"550 5.1.1 {ADA}... User unknown"), GONE),
    Sample("sendmail access denied", sendmail("5.7.1", "550 5.7.1 Access denied"), SENDER_),
    # -- qmail -------------------------------------------------------------------------------
    Sample("qmail no mailbox", qmail("Sorry, no mailbox here by that name. (#5.1.1)"), GONE),
    Sample("qmail vpopmail no such user", qmail("Sorry, no mailbox here by that name. vpopmail (#5.1.1)"), GONE),
    Sample("qmail remote gone", qmail("192.0.2.9 does not like recipient.\nRemote host said: 550 5.1.1 No such user here\nGiving up on 192.0.2.9."), GONE),
    Sample("qmail remote policy", qmail("192.0.2.9 failed after I sent the message.\nRemote host said: 554 5.7.1 Message rejected due to SPF check failure"), SENDER_),
    Sample("qmail remote rbl", qmail("Connected to 192.0.2.9 but sender was rejected.\nRemote host said: 550 5.7.1 Your IP is listed in Spamhaus"), SENDER_),
    Sample("qmail full", qmail("user does not exist, but will deliver to /home/ada/\nuser is over quota\n(#5.2.2)"), SOFT),
    Sample("qmail no connection", qmail("Sorry, I wasn't able to establish an SMTP connection. (#4.4.1)\nI'm not going to try again; this message has been in the queue too long."), WAY),
    Sample("qmail cname", qmail("CNAME lookup failed temporarily. (#4.4.3)\nI'm not going to try again; this message has been in the queue too long."), WAY),
    Sample("qmail no host", qmail("Sorry, I couldn't find any host named example.org. (#5.1.2)"), GONE),
    Sample("qmail rcpthosts", qmail("192.0.2.9 does not like recipient.\nRemote host said: 553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"), SENDER_),
    # -- Exim --------------------------------------------------------------------------------
    Sample("exim unrouteable", exim("Unrouteable address"), GONE),
    Sample("exim rcpt unknown", exim(f"SMTP error from remote mail server after RCPT TO:<{ADA}>:\n    host mx.example.org [192.0.2.9]: 550 5.1.1 <{ADA}> User unknown"), GONE),
    Sample("exim no header", exim("550 No Such User Here", is_named=False), GONE),
    Sample("exim retry timeout", exim("host mx.example.org [192.0.2.9]\n    retry timeout exceeded"), SOFT),
    Sample("exim retry timeout of hosts", exim("all hosts have been failing for a long time (and retry time not reached)"), WAY),
    Sample("exim full", exim("mailbox is full: retry timeout exceeded"), SOFT),
    Sample("exim mail refused", exim(f"SMTP error from remote mail server after MAIL FROM:<{SENDER}>:\n    host mx.example.org [192.0.2.9]: 550 Sender verify failed"), SENDER_),
    Sample("exim content", exim("SMTP error from remote mail server after end of data:\n    host mx.example.org [192.0.2.9]: 550 This message was classified as SPAM and may not be delivered"), MESSAGE),
    Sample("exim dkim", exim("SMTP error from remote mail server after end of data:\n    host mx.example.org: 550-5.7.26 Unauthenticated email is not accepted due to domain's DMARC policy."), SENDER_),
    Sample("exim rate", exim("SMTP error from remote mail server after RCPT TO:<x>:\n    host mx.example.org: 421 Too many connections from your IP: retry timeout exceeded"), SENDER_),
    Sample("exim unknown 550", exim(f"SMTP error from remote mail server after RCPT TO:<{ADA}>:\n    host mx.example.org: 550 Administrative prohibition"), SENDER_),
    # -- Exchange, Microsoft 365 ---------------------------------------------------------------
    Sample("exchange resolver", exchange("5.1.1", "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found"), GONE),
    Sample("exchange 5.1.10", exchange("5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient ada@example.org not found by SMTP address lookup"), GONE),
    Sample("exchange full", exchange("5.2.2", "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded"), SOFT),
    Sample("exchange expired", exchange("4.4.7", "550 4.4.7 QUEUE.Expired; message expired"), SOFT),
    Sample("exchange group", exchange("5.7.133", "550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required"), SOFT),
    Sample("exchange access denied 5.4.1", exchange("5.4.1", "550 5.4.1 Recipient address rejected: Access denied. [AM1.eop-EUR01.prod.protection.outlook.com]"), SOFT),
    Sample("outlook block list", exchange("5.7.1", "550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140)."), SENDER_),
    Sample("outlook banned", exchange("5.7.606", "550 5.7.606 Access denied, banned sending IP [192.0.2.1]"), SENDER_),
    Sample("outlook 5.7.515", exchange("5.7.515", "550 5.7.515 Access denied, sending domain example.com does not meet the required authentication level"), SENDER_),
    Sample("m365 dmarc", exchange("5.7.509", "550 5.7.509 Access denied, sending domain example.com does not pass DMARC verification"), SENDER_),
    Sample("outlook gone", exchange("5.5.0", f"550 5.5.0 Requested action not taken: mailbox unavailable ({ADA})"), GONE),
    Sample("m365 throttled", exchange("4.7.500", "451 4.7.500 Server busy. Please try again later from [192.0.2.1]. (AS77712)"), SENDER_),
    Sample("m365 size", exchange("5.3.4", "552 5.3.4 RESOLVER.RST.SendSizeLimit.Org; message too large for this organization"), MESSAGE),
    Sample("exchange 2003 unknown", old_exchange("The e-mail account does not exist at the organization this message was sent to.\n    <mx.example.org #5.1.1 smtp;550 5.1.1 User unknown>"), GONE),
    Sample("exchange 2003 full", old_exchange("The recipient's mailbox is full.\n    <mx.example.org #5.2.2>"), SOFT),
    # -- Gmail -------------------------------------------------------------------------------
    Sample("gmail gone", gmail("5.1.1", "550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking the recipient's email address"), GONE),
    Sample("gmail disabled", gmail("5.2.1", "550 5.2.1 The email account that you tried to reach is disabled."), GONE),
    Sample("gmail inactive", gmail("5.2.1", "550 5.2.1 The email account that you tried to reach is inactive."), GONE),
    Sample("gmail full", gmail("5.2.2", "552 5.2.2 The recipient's inbox is out of storage space and inactive. Please direct the recipient to OverQuotaPerm"), SOFT),
    Sample("gmail full 4xx", gmail("4.2.2", "452-4.2.2 The recipient's inbox is out of storage space."), SOFT),
    Sample("gmail unauthenticated", gmail("5.7.26", "550-5.7.26 Your email has been blocked because the sender is unauthenticated. Gmail requires all senders to authenticate with either SPF or DKIM."), SENDER_),
    Sample("gmail unsolicited rate", gmail("5.7.28", "550-5.7.28 Gmail has detected an unusual rate of unsolicited mail originating from your IP address."), SENDER_),
    Sample("gmail content", gmail("5.7.1", "550-5.7.1 Our system has detected that this message is likely unsolicited mail."), MESSAGE),
    Sample("gmail too quickly", gmail("4.2.1", "450 4.2.1 The user you are trying to contact is receiving mail too quickly."), SENDER_),
    Sample("gmail of old, gone", old_gmail("550 550 5.1.1 unknown or illegal alias: ada@example.org (state 14)"), GONE),
    Sample("gmail of old, blocked", old_gmail("554 554 5.7.1 Service unavailable; Client host blocked using dnsbl.sorbs.net (state 14)"), SENDER_),
    Sample("gmail expired", gmail("4.4.1", "The recipient server did not accept our requests to connect. [mx.example.org 192.0.2.9: timed out]"), WAY),
    # -- Yahoo, AOL ----------------------------------------------------------------------------
    Sample("yahoo gone", yahoo("Remote host said: 554 delivery error: dd This user doesn't have a yahoo.com account (ada@example.org) [-5] - mta1.example.com [RCPT_TO]"), GONE),
    Sample("yahoo disabled", yahoo("554 delivery error: dd Sorry your message to ada@example.org cannot be delivered. This mailbox is disabled (554.30)."), GONE),
    Sample("yahoo tss09", yahoo("Remote host said: 553 5.7.1 [TSS09] All messages from 192.0.2.1 will be permanently deferred; Retrying will NOT succeed."), SENDER_),
    Sample("yahoo tss04", dsn("4.7.0", "smtp; 421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred due to unexpected volume or user complaints"), SENDER_),
    Sample("yahoo policy", dsn("5.7.9", "smtp; 554 5.7.9 Message not accepted for policy reasons."), SENDER_),
    Sample("yahoo over quota", yahoo("Remote host said: 552 1 Requested mail action aborted, mailbox is full / over quota"), SOFT),
    Sample("aol gone", dsn("5.1.1", "smtp; 550 5.1.1 <ada@example.org>: Recipient address rejected: aol.com"), GONE),
    # -- QQ, 163, Aliyun, and the far east -------------------------------------------------------
    Sample("qq gone", qq("收件人邮箱不存在", "550 Mailbox not found"), GONE),
    Sample("qq content", qq("邮件内容被拒收", "550 Mail content denied"), MESSAGE),
    Sample("qq frequency", qq("发信频率过高", "550 Connection frequency limited"), SENDER_),
    Sample("qq full", qq("收件人邮箱已满", "552 Mailbox is full, over quota"), SOFT),
    Sample("qq denied", qq("对方拒收", "550 Mailbox unavailable or access denied"), SENDER_),
    Sample("163 gone", netease(f"550 User not found: {ADA}"), GONE),
    Sample("163 spam", netease("554 DT:SPM 163 smtp10,DsCowAA"), MESSAGE),
    Sample("163 rep", netease("421 HL:REP 163 smtp10: too many bad addresses"), SENDER_),
    Sample("163 mailbox full", netease("552 Quota exceeded: mailbox full"), SOFT),
    Sample("163 in words alone", html("系统退信", f"<p>收件人 {ADA} 的邮箱地址不存在</p><p>{MESSAGE_ID.strip('<>')}</p>", sender="Postmaster@163.com"), GONE),
    Sample("aliyun quota", dsn("5.0.0", "smtp; 552 Daily sending quota exceeded"), SENDER_),
    # -- Courier, Domino, others -----------------------------------------------------------------
    Sample("courier gone", courier("550 User unknown."), GONE),
    Sample("courier blocked", courier("554 5.7.1 blocked using bl.example.net"), SENDER_),
    Sample("domino not listed", domino(f"User ada ({ADA}) not listed in Domino Directory"), GONE),
    Sample("domino router", domino("Router: Database disk quota exceeded"), SOFT),
    Sample("domino host", domino("No route found to domain example.org from server MX/EX.  Unable to connect: connection timed out"), WAY),
    Sample("imail unknown", prose("Undeliverable Mail", f"Unknown user: {ADA}\n", sender="Postmaster <postmaster@mx.example.net>", copy="\nOriginal message follows.\n\n"), GONE),
    Sample("mdaemon", prose("Permanent Delivery Failure", f"The following data sections contain information about your message.\n  Failed address: {ADA}\n--- Session Transcript ---\n  --> RCPT To:<{ADA}>\n  <-- 550 5.1.1 <{ADA}>: Recipient unknown\n", sender="MDaemon at mx <MDaemon@mx.example.net>", copy=": Message contains 1 file\nReceived: from x\n"), GONE),
    Sample("mail.ru gone", dsn("5.1.1", "smtp; 550 Message was not accepted -- invalid mailbox.  Local mailbox ada@example.org is unavailable: user not found", sender="mailer-daemon@corp.mail.ru", subject="Mail failure."), GONE),
    Sample("mail.ru spam", dsn("5.7.1", "smtp; 550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id", sender="mailer-daemon@corp.mail.ru"), MESSAGE),
    Sample("yandex gone", dsn("5.1.1", f"smtp; 550 5.7.1 No such user! ({ADA})", sender="mailer-daemon@yandex.ru", subject="Недоставленное сообщение"), GONE),
    Sample("zoho gone", dsn("5.1.1", "smtp; 550 5.1.1 User does not exist - <ada@example.org>", sender="mailer-daemon@mail.zoho.com"), GONE),
    Sample("zoho blocked", dsn("5.7.1", "smtp; 541 5.4.1 Mail rejected by destination domain", sender="mailer-daemon@mail.zoho.com"), SOFT),
    Sample("icloud gone", dsn("5.1.1", "smtp; 550 5.1.1 <ada@example.org>: user does not exist"), GONE),
    Sample("icloud policy", dsn("5.7.1", "smtp; 554 5.7.1 [CS01] Message rejected due to local policy."), SENDER_),
    Sample("ses gone", dsn("5.1.1", "smtp; 550 5.1.1 user unknown", sender="MAILER-DAEMON@amazonses.com"), GONE),
    Sample("ses suppressed", dsn("5.1.1", "Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an invalid address.", sender="MAILER-DAEMON@amazonses.com"), GONE),
    Sample("mimecast", dsn("5.7.1", "smtp; 554 Email rejected due to security policies - https://community.mimecast.com"), SENDER_),
    Sample("proofpoint", dsn("5.7.0", "smtp; 554 5.7.0 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.1"), SENDER_),
    Sample("barracuda", dsn("5.7.1", "smtp; 550 permanent failure for one or more recipients (ada@example.org:blocked)"), SENDER_),
    Sample("amavis virus", dsn("5.7.0", "smtp; 554 5.7.0 Reject, id=1-01 - VIRUS: Eicar-Test-Signature"), MESSAGE),
    Sample("gmx gone", dsn("5.1.1", "smtp; 550 Requested action not taken: mailbox unavailable. For explanation visit https://postmaster.gmx.net", subject="Mail delivery failed: returning message to sender"), GONE),
    Sample("gmx dns", dsn("5.7.0", "smtp; 554 Transaction failed. Reject due to policy restrictions."), SENDER_),
    Sample("t-online", dsn("5.0.0", "smtp; 554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.de to clarify.) (BL)"), SENDER_),
    Sample("orange pace", dsn("4.0.0", "smtp; 421 Service refuse. Veuillez essayer plus tard. OFR004_104"), SENDER_),
    Sample("comcast", dsn("5.1.1", "smtp; 550 5.1.1 Not our Customer"), GONE),
    Sample("french words", dsn("5.1.1", "smtp; 550 5.1.1 Adresse inconnue / utilisateur inconnu", subject="Échec de la remise"), GONE),
    Sample("chasquid", dsn("5.1.1", f"smtp; 550 5.1.1 {ADA}: destination address is unknown", subject="Mail delivery failed: returning message to sender"), GONE),
    Sample("opensmtpd", dsn("5.1.1", "smtp; 524 5.2.4 Mailing list expansion problem", subject="Delivery status notification: error"), SOFT),
    Sample("login of the relay", dsn("5.7.8", "smtp; 535 5.7.8 Error: authentication failed"), SENDER_),
    Sample("relay quota", dsn("5.4.5", "smtp; 550 5.4.5 Daily SMTP relay limit exceeded for customer."), SENDER_),
    Sample("blocked by the person", dsn("5.7.1", "smtp; 550 5.7.1 Message rejected by recipient: the recipient has blocked you"), SOFT),
    Sample("account suspended", dsn("5.2.1", "smtp; 550 5.2.1 This account is suspended"), GONE),
    Sample("expired without words", dsn("5.4.7", "smtp; 554 5.4.7 [internal] message timeout (exceeded max time)"), SOFT),
    Sample("expired, once unknown", dsn("4.4.7", "smtp; 450 4.1.1 user unknown: delivery time expired"), SOFT),
    Sample("no words at all", dsn("5.1.1", ""), GONE),
    Sample("no words, full", dsn("5.2.2", ""), SOFT),
    Sample("no words, expired", dsn("4.4.7", ""), SOFT),
    Sample("no words, way", dsn("4.4.1", ""), WAY),
    Sample("no words, size", dsn("5.3.4", ""), MESSAGE),
    Sample("no words, policy", dsn("5.7.1", ""), SENDER_),
    Sample("status 5.0.0 alone", dsn("5.0.0", ""), SOFT),
    # -- not failed ------------------------------------------------------------------------------
    Sample("postfix delay", dsn("4.4.1", "X-Postfix; connect to mx.example.org[192.0.2.9]:25: Connection timed out", action="delayed", subject="Delayed Mail (still being retried)"), WAY, "delayed"),
    Sample("exim delay", prose("Warning: message 1kX delayed 24 hours", f"This message was created automatically by mail delivery software.\nA message that you sent has not yet been delivered to one or more of its\nrecipients after more than 24 hours on the queue.\nNo action is required on your part.\n\n  {ADA}\n    Delay reason: Connection timed out\n", sender="Mail Delivery System <Mailer-Daemon@mx.example.net>", copy=EXIM_COPY), WAY, "delayed"),
    Sample("exchange delay", dsn("4.4.7", "smtp;400 4.4.7 Message delayed", action="delayed", subject="Delivery delayed: Your plan renews"), SOFT, "delayed"),
    Sample("delivered", dsn("2.0.0", "smtp; 250 2.0.0 OK", action="delivered", subject="Successful Mail Delivery Report"), "delivered", "delivered"),
    # -- complaints ------------------------------------------------------------------------------
    Sample("arf abuse", arf("abuse"), "complaint", "complained"),
    Sample("arf fraud", arf("fraud"), "complaint", "complained"),
    Sample("arf opt-out", arf("opt-out"), "complaint", "complained"),
    Sample("arf redacted", arf("abuse", recipient="redacted@example.org"), "complaint", "complained", "redacted@example.org"),
    Sample("arf without a recipient", arf("abuse", recipient=""), "complaint", "complained", ""),
]  # fmt: skip


def auto(
    subject: str, fields: str = "", sender: str = f"Ada <{ADA}>", body: str = "I am away.\n"
) -> bytes:
    return mail(subject, f"{body}\n> {MESSAGE_ID}\n", sender=sender, fields=f"In-Reply-To: {MESSAGE_ID}\n{fields}")  # fmt: skip


FALSE_FRIENDS = [
    Sample("out of office", auto("Automatic reply: Your plan renews", "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\n"), "auto-reply", ""),
    Sample("vacation", auto("Re: Your plan renews", "Auto-Submitted: auto-replied (vacation)\nPrecedence: bulk\n"), "auto-reply", ""),
    Sample("x-autoreply", auto("Re: Your plan renews", "X-Autoreply: yes\n"), "auto-reply", ""),
    Sample("precedence", auto("Re: Your plan renews", "Precedence: auto_reply\n"), "auto-reply", ""),
    Sample("german", auto("Abwesenheitsnotiz: Urlaub"), "auto-reply", ""),
    Sample("german 2", auto("Automatische Antwort: Your plan renews"), "auto-reply", ""),
    Sample("french", auto("=?utf-8?q?R=C3=A9ponse_automatique_=3A_Your_plan?="), "auto-reply", ""),
    Sample("spanish", auto("=?utf-8?q?Respuesta_autom=C3=A1tica=3A_Your_plan?="), "auto-reply", ""),
    Sample("italian", auto("Risposta automatica: Your plan renews"), "auto-reply", ""),
    Sample("portuguese", auto("=?utf-8?q?Resposta_autom=C3=A1tica=3A?="), "auto-reply", ""),
    Sample("dutch", auto("Automatisch antwoord: Your plan"), "auto-reply", ""),
    Sample("polish", auto("=?utf-8?q?Odpowied=C5=BA_automatyczna?="), "auto-reply", ""),
    Sample("russian", auto("=?utf-8?b?0JDQstGC0L7QvtGC0LLQtdGC?="), "auto-reply", ""),
    Sample("chinese", auto("=?utf-8?b?6Ieq5Yqo5Zue5aSNOiBIaQ==?="), "auto-reply", ""),
    Sample("japanese", auto("=?utf-8?b?6Ieq5YuV6L+U5L+h?="), "auto-reply", ""),
    Sample("korean", auto("=?utf-8?b?67aA7J6sIOykkQ==?="), "auto-reply", ""),
    Sample("left the company", auto("Out of office", body="I no longer work here; this mailbox does not exist any more. User unknown.\n"), "auto-reply", ""),
    Sample("ticket", auto("[Ticket #4711] We received your request"), "auto-reply", ""),
    Sample("challenge", auto("Please confirm your message"), "challenge", ""),
    Sample("boxtrapper", auto("Your email requires verification verify#x"), "challenge", ""),
    Sample("read receipt", mail("Read: Your plan renews", "--m\nContent-Type: text/plain\n\nRead.\n--m\nContent-Type: message/disposition-notification\n\n"
           f"Final-Recipient: rfc822;{ADA}\nOriginal-Message-ID: {MESSAGE_ID}\nDisposition: manual-action/MDN-sent-manually; displayed\n\n--m--\n", sender=ADA,
           fields="MIME-Version: 1.0\nContent-Type: multipart/report; report-type=disposition-notification; boundary=m\n"), "read-receipt", ""),
    Sample("deleted unread", mail("Not read: Your plan renews", "--m\nContent-Type: text/plain\n\nYour message was deleted without being read.\n--m\nContent-Type: message/disposition-notification\n\n"
           f"Final-Recipient: rfc822;{ADA}\nDisposition: automatic-action/MDN-sent-automatically; deleted\n\n--m--\n", sender=ADA,
           fields="MIME-Version: 1.0\nContent-Type: multipart/report; report-type=disposition-notification; boundary=m\n"), "read-receipt", ""),
    Sample("dmarc aggregate", mail("Report Domain: example.com Submitter: google.com Report-ID: 123", "--z\nContent-Type: application/zip; name=\"google.com!example.com!1!2.zip\"\n\nPK\n--z--\n", sender="noreply-dmarc-support@google.com",
           fields="MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=z\n"), "report", ""),
    Sample("dmarc failure", arf("auth-failure"), "report", ""),
    Sample("not spam", arf("not-spam"), "report", ""),
    Sample("tls report", mail("Report Domain: example.com Submitter: mx Report-ID: <1>", "{}", sender="tls@example.net",
           fields="TLS-Report-Domain: example.com\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=tlsrpt; boundary=q\n"), "report", ""),
    Sample("relayed", dsn("2.0.0", "smtp; 250 ok", action="relayed", subject="Successful Mail Delivery Report"), "other", ""),
    Sample("human answer", mail("Re: Your plan renews", f"Could not be delivered? My parcel was not delivered.\n> {MESSAGE_ID}\n", sender=ADA,
           fields=f"In-Reply-To: {MESSAGE_ID}\nReferences: {MESSAGE_ID}\n"), "reply", ""),
    Sample("human answer about bounces", mail("Re: undeliverable mail", "Your mail system bounces my mail.\n", sender=ADA, fields=f"In-Reply-To: {MESSAGE_ID}\n"), "reply", ""),
    Sample("newsletter", mail("How to lower your bounce rate", "550 5.1.1 user unknown explained.\n", sender="news@example.net", fields="List-Id: <n.example.net>\n"), "other", ""),
    Sample("mailing list", mail("Re: [users] delivery failed", "The server said 550.\n", sender="joe@example.net", fields="List-Id: <users.example.net>\nIn-Reply-To: <x@y>\n"), "other", ""),
    Sample("spam", mail("You won", "Click.\n", sender="x@example.net"), "other", ""),
    Sample("parcel", mail("Your parcel was not delivered", "550 Main Street\n", sender="parcels@example.net"), "other", ""),
]  # fmt: skip
CORPUS = BOUNCES + FALSE_FRIENDS
