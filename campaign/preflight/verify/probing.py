"""Mail servers asked about mailboxes, one name at a time.

In: names of a notebook, routes, a `Prober`.  Out: `MailboxFinding`s in the notebook.
Touches: port 25 of the mail servers, one connection to a site at a time, one name a second.
Fails: never for what a server does; ConfigError and bugs pass through.

The real name is asked first, a random one after it and only if the real one was taken: a server
that answers one question a session must not spend it on the random name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from campaign.clock import Clock
from campaign.errors import RelayError
from campaign.preflight.verify.etiquette import Prober
from campaign.preflight.verify.findings import MailboxFinding, Standing
from campaign.preflight.verify.mailboxes import Next, Told, told_by
from campaign.preflight.verify.notebook import Notebook
from campaign.routing.destinations import Route, Undeliverable
from campaign.routing.route import Router
from campaign.smtp.endpoint import ConnectRefused, Endpoint, Timeouts
from campaign.smtp.enquiry import Enquiry, enquire
from campaign.smtp.opening.dial import is_reached, without_family

PATIENCE = Timeouts(connect=15, greeting=60, hello=60, starttls=30, mail=60, rcpt=60, rset=15)
_MOST_ADDRESSES = 2  # of a site, dialled until one answers
_RANDOM_NAME = 18  # letters: nobody has it
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"
Sleep = Callable[[float], Awaitable[None]]


class Probing:
    """All sites of a list."""

    def __init__(
        self,
        prober: Prober,
        router: Router,
        notebook: Notebook,
        clock: Clock,
        random: Random,
        progress: Callable[[str, int, int | None], None],
        *,
        sleep: Sleep = asyncio.sleep,
        timeouts: Timeouts = PATIENCE,
    ) -> None:
        self.prober = prober
        self.notebook = notebook
        self.clock = clock
        self.random = random
        self.sleep = sleep
        self.timeouts = timeouts
        self._router = router
        self._progress = progress
        self._total, self._done = notebook.name_totals()

    async def run(self) -> None:
        """Ask about every name that was not asked yet."""
        by_site: dict[str, list[tuple[str, Route]]] = {}
        for domain in self.notebook.domains_to_ask():
            route = await self._router.route(domain)
            if isinstance(route, Undeliverable):
                self.give_up(domain, "no way to its mail server", str(route))
            else:
                by_site.setdefault(route.provider, []).append((domain, route))
        places = asyncio.Semaphore(self.prober.sites_at_once)

        async def ask(domains: list[tuple[str, Route]]) -> None:
            async with places:
                await _Site(self, domains).run()

        try:
            await asyncio.gather(*(ask(domains) for domains in by_site.values()))
        finally:
            self.notebook.commit()

    def keep(self, key: str, standing: Standing, cause: str, detail: str) -> None:
        self.notebook.keep_name(key, MailboxFinding(standing, cause, detail, self.clock.now_s()))
        self._done += 1
        self._progress("mailboxes", self._done, self._total)

    def give_up(self, domain: str, cause: str, detail: str) -> None:
        """Nothing more is found out of the names of a domain."""
        for key, _ in self.notebook.names_to_ask(domain):
            self.keep(key, Standing.UNKNOWN, cause, detail)


_TAKES_ALL = Told(Standing.DOUBTFUL, "takes every name", "", Next.GO_ON)
_MAY_TAKE_ALL = Told(Standing.DOUBTFUL, "may take every name", "", Next.GO_ON)


class _Stopped(Exception):
    """Nothing more is asked at this site."""

    def __init__(self, detail: str, cause: str = "refuses our questions") -> None:
        super().__init__(detail)
        self.detail = detail
        self.cause = cause


class _Unreachable(Exception):
    """No host of a domain can be connected to."""


class _Site:
    """One site: the servers of one or several domains, asked by one connection."""

    def __init__(self, probing: Probing, domains: list[tuple[str, Route]]) -> None:
        self._probing = probing
        self._domains = domains
        self._enquiry: Enquiry | None = None
        self._open_to = ""  # the site of the route that it was opened for
        self._asked_at_s = float("-inf")
        self._takes_all: dict[str, bool | None] = {}  # by domain; None: nobody can tell
        self._later: list[tuple[float, str, str, str, Route]] = []  # due, key, spec, domain, route

    async def run(self) -> None:
        try:
            for domain, route in self._domains:
                try:
                    for key, spec in self._probing.notebook.names_to_ask(domain):
                        await self._look_at(key, spec, domain, route, may_wait=True)
                except _Unreachable as nobody:  # the hosts of another domain may be up
                    self._probing.give_up(domain, "its mail server is not reached", str(nobody))
            await self._ask_later_ones()
        except _Stopped as stop:
            for domain, _ in self._domains:
                self._probing.give_up(domain, stop.cause, stop.detail)
        finally:
            await self._leave()

    async def _ask_later_ones(self) -> None:
        """Those that were put off, once more."""
        for due_s, key, spec, domain, route in self._later:
            wait_s = due_s - self._probing.clock.tick_s()
            if wait_s > 0:
                await self._leave()
                await self._probing.sleep(wait_s)
            try:
                await self._look_at(key, spec, domain, route, may_wait=False)
            except _Unreachable as nobody:
                self._probing.give_up(domain, "its mail server is not reached", str(nobody))

    async def _look_at(
        self, key: str, spec: str, domain: str, route: Route, *, may_wait: bool
    ) -> None:
        """One name, and where it is taken and nothing is known of the domain, a random one."""
        if self._takes_all.get(domain) is True:  # whoever is asked for is taken
            self._keep(key, _TAKES_ALL)
            return
        if not spec.isascii():
            self._keep(key, Told(Standing.UNKNOWN, "not asked", "it needs SMTPUTF8", Next.GO_ON))
            return
        told = await self._ask(spec, route)
        if told.next is Next.LATER and may_wait:
            due_s = self._probing.clock.tick_s() + self._probing.prober.greylist_s
            self._later.append((due_s, key, spec, domain, route))
            return
        if told.next is Next.CATCH_ALL:
            told = await self._told_of_taken(domain, route)
        if told.next is Next.STOP and told.standing is Standing.UNKNOWN:
            raise _Stopped(told.detail, told.cause)
        self._keep(key, told)
        if told.next is Next.STOP:
            raise _Stopped(told.detail)

    async def _told_of_taken(self, domain: str, route: Route) -> Told:
        """What to think of a name that was taken, by a random name of the same domain."""
        if domain not in self._takes_all:
            random = self._probing.random
            name = "".join(random.choice(_LETTERS) for _ in range(_RANDOM_NAME))
            told = await self._ask(f"{name}@{domain}", route)
            if told.next is Next.CATCH_ALL:
                self._takes_all[domain] = True
            elif told.standing is Standing.BAD:
                self._takes_all[domain] = False
            else:
                self._takes_all[domain] = None
                if told.next is Next.STOP:
                    return _MAY_TAKE_ALL._replace(detail=told.detail, next=Next.STOP)
        match self._takes_all[domain]:
            case True:
                return _TAKES_ALL
            case False:
                return Told(Standing.GOOD, "", "", Next.GO_ON)
            case None:
                return _MAY_TAKE_ALL

    def _keep(self, key: str, told: Told) -> None:
        self._probing.keep(key, told.standing, told.cause, told.detail)

    async def _ask(self, spec: str, route: Route) -> Told:
        """One question, a second after the one before, on a connection that may be new."""
        wait_s = self._asked_at_s + self._probing.prober.interval_s - self._probing.clock.tick_s()
        if wait_s > 0:
            await self._probing.sleep(wait_s)
        self._asked_at_s = self._probing.clock.tick_s()
        if self._enquiry is None or self._open_to != route.site:
            await self._leave()
            self._enquiry = await self._opened(route)
            self._open_to = route.site
        try:
            stage, reply = await self._enquiry.about(self._probing.prober.sender, spec)
        except RelayError as error:
            self._enquiry = None
            return Told(Standing.UNKNOWN, "the connection was lost", error.what, Next.STOP)
        return told_by(stage, reply)

    async def _opened(self, route: Route) -> Enquiry:
        """Raises _Stopped where a host refuses us, _Unreachable where none says anything."""
        prober = self._probing.prober
        places = [
            (host, address)
            for host in route.hosts
            for address in host.addresses
            if is_reached(address, prober.source)
        ]
        trouble = "" if places else without_family(route.hosts[0].name, prober.source).what
        for host, address in places[:_MOST_ADDRESSES]:
            endpoint = Endpoint(
                name=host.name,
                host=host.name,
                address=address,
                port=prober.port,
                security="starttls" if host.tls.is_any else "opportunistic",
                hello=prober.hello,
                source=prober.source,
                verify=host.tls.is_verified,
            )
            try:
                return await enquire(endpoint, self._probing.timeouts)
            except RelayError as error:
                trouble = error.what
                if isinstance(error, ConnectRefused) and error.reply:
                    raise _Stopped(trouble) from None
        raise _Unreachable(trouble)

    async def _leave(self) -> None:
        if self._enquiry is not None:
            enquiry, self._enquiry = self._enquiry, None
            await enquiry.leave()
