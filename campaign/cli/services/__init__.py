"""What commands put together for a while: pages, routes, figures for monitoring, workers, plans."""
