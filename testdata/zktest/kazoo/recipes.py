"""Plays kazoo's recipes, all at once and each between two clients, and says on a line for each whether it held: "ok lock", or "failed lock: ...".

Usage: recipes.py HOST:PORT DIRECTORY, where the directory is one in ZooKeeper that is not there yet.
"""

import logging
import sys
import traceback

import stage
import locks, groups, queues, watches, data, sessions  # Each adds its recipes.


def main(address, directory):
    logging.disable(logging.CRITICAL)
    stage.address = address
    a, b = stage.connect(), stage.connect()
    playing = {}
    for play in stage.RECIPES:
        name = play.__name__.replace("_", "-")
        playing[name] = stage.Later(play, a, b, directory + "/" + name)
    for name, play in playing.items():
        try:
            play.result()
        except Exception as error:
            traceback.print_exc()
            print("failed %s: %r" % (name, error), flush=True)
        else:
            print("ok", name, flush=True)
    for client in (a, b):
        client.stop()
        client.close()


main(*sys.argv[1:])
