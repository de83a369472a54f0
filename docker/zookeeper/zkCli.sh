#!/bin/bash
# ZooKeeper's shell: docker exec -it CONTAINER zkCli.sh [-server HOST:PORT] [COMMAND]
exec java -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar:/usr/share/java/jline.jar \
	org.apache.zookeeper.ZooKeeperMain "$@"
