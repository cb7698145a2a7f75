"""What commands that last put together: pages, routes, figures for monitoring, workers."""
