#!/bin/bash
# The server in the foreground, which is all that a container needs of the script of that name. JVMFLAGS and SERVER_JVMFLAGS go to java.
set -eu
if [[ ${1:-start-foreground} != start-foreground ]]; then echo "zkServer.sh: only start-foreground works in this image" >&2; exit 2; fi
# shellcheck disable=SC2086 # Flags are words.
exec java "-Xmx${ZK_SERVER_HEAP:-1000}m" -XX:-UsePerfData -Dorg.slf4j.simpleLogger.showDateTime=true \
	"-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS" -cp /usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar \
	${SERVER_JVMFLAGS:-} ${JVMFLAGS:-} org.apache.zookeeper.server.quorum.QuorumPeerMain "$ZOO_CONF_DIR/zoo.cfg"
