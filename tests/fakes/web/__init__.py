"""Web servers, and the visitors of ours."""
