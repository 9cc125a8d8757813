"""Parts that sites may use and the backend does without: pages, pagination, forms, HTTP caching, the admin, exports."""
