"""Takes and gives back a lock with kazoo, as told on standard input: lock, try, unlock.

Usage: kazoo_lock.py HOST:PORT LOCK-PATH
"""

import sys

from kazoo.client import KazooClient


def main(address, path):
    client = KazooClient(hosts=address, timeout=10)
    client.start(timeout=30)
    try:
        # Without the pattern kazoo takes no notice of contenders that are not its own.
        lock = client.Lock(path, "kazoo", extra_lock_patterns=["-lock-"])
        print("ready", flush=True)
        for line in sys.stdin:
            word = line.strip()
            if word == "lock":
                answer = "held" if lock.acquire() else "busy"
            elif word == "try":
                answer = "held" if lock.acquire(blocking=False) else "busy"
            elif word == "unlock":
                answer = "released" if lock.release() else "not-held"
            else:
                answer = "what?"
            print(answer, flush=True)
    finally:
        client.stop()
        client.close()


main(*sys.argv[1:])
