"""Our backend as Django's test suite sees it: with the list of tests that ask for what Appwrite can not do, and nothing else."""
