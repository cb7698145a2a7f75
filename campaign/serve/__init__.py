"""The web side: the links in letters lead here.

Others use these names::

    application([RouteSet(...), ...])       # one ASGI app; `campaign serve` lists the sets
    read_body(request, most_bytes)          # for routes that take a POST
    serve(app, listen, proxies)             # until SIGTERM

The routes for leaving need the secrets of the tokens and the suppression store, and nothing else:
they work when the campaign, its templates and its journal are gone.  GET and HEAD change nothing.
"""
