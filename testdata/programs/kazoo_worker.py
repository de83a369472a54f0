"""A worker as many are: it takes a lock with kazoo, and works until it is told that the lock is gone.

It writes to RESOURCE_ADDR without a token, and believes in its lock until kazoo reports LOST, which is after the partition. With SAY=yes it says so:

    zkctl partition --for session+1s --lock-path /locks/orders --resource plain -- python3 kazoo_worker.py
"""

import os
import socket
import threading
import time

from kazoo.client import KazooClient, KazooState

SAY = os.environ.get("SAY") == "yes"


def main():
    lost = threading.Event()
    client = KazooClient(hosts=os.environ["ZK_SERVERS"], timeout=2.0)
    client.add_listener(lambda state: lost.set() if state == KazooState.LOST else None)
    client.start(timeout=30)
    account = None
    if "RESOURCE_ADDR" in os.environ:
        host, port = os.environ["RESOURCE_ADDR"].rsplit(":", 1)
        account = socket.create_connection((host, int(port))).makefile("rw")
    lock = client.Lock(os.environ["LOCK_PATH"])
    lock.acquire()
    lost.clear()
    print("working", flush=True)
    if SAY:
        print("zkctl: held", flush=True)
    while not lost.is_set():
        if account:
            account.write("write - ten crowns more\n")
            account.flush()
            account.readline()
        time.sleep(0.05)
    print("kazoo says that the session is lost", flush=True)
    if SAY:
        print("zkctl: released", flush=True)


main()
