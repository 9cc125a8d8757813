"""The demo's schema, in processes of their own, as a deployment would see it."""

from tests.e2e.processes import environment, manage


def test_check_fails_before_migrating_and_passes_after(tmp_path):
    env = environment(tmp_path)
    before = manage("appwrite_migrate", "--check", env=env)
    assert before.returncode == 1, before.stderr
    assert "+ table world_country\n" in before.stdout
    migrated = manage("appwrite_migrate", "--noinput", env=env)
    assert migrated.returncode == 0, migrated.stderr
    after = manage("appwrite_migrate", "--check", env=env)
    assert (after.returncode, after.stdout) == (0, "appwrite (world):\n  No changes.\n"), (
        after.stderr
    )
    checked = manage("check", "--database", "appwrite", "--fail-level", "WARNING", env=env)
    assert checked.returncode == 0, checked.stderr
