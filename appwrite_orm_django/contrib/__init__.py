"""Optional parts for sites: pages, pagination, forms, HTTP caching, the admin and exports."""
