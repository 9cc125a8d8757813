"""What a Redis server is sent."""

import redis


def commands_sent(url, act):
    """Return the names of the commands that Redis is sent while ``act()`` runs, without those that set up a connection or ask who the server is."""
    client = redis.Redis.from_url(url)
    try:
        with client.monitor() as monitor:
            act()
            redis.Redis.from_url(url).echo("over")
            seen = []
            for event in monitor.listen():
                name = event["command"].split()[0]
                if name == "ECHO":
                    return seen
                if name not in ("CLIENT", "SELECT", "HELLO", "PING", "INFO"):
                    seen.append(name)
    finally:
        client.close()
