"""The site behind ``benchmarks.under_load``: one list page, on whichever package the environment names."""
