#!/bin/sh
# In place of RabbitMQ's image: the machine's own server, with the configuration and the data of the pod.
# What has to differ: it listens at the pod's address alone, and a server before 3.13 is not told of deprecated features.
set -eu
conf="$SCRATCH/conf.d"
mkdir -p "$conf" "$SCRATCH/log"
for file in "$CONFIGURATION"/conf.d/*.conf; do
    sed -e '/^deprecated_features\./d' \
        -e "s/^listeners\.tcp\.default = \([0-9]*\)\$/listeners.tcp.default = $POD_IP:\1/" \
        "$file" > "$conf/$(basename "$file")"
done
printf 'management.tcp.ip = %s\nprometheus.tcp.ip = %s\n' "$POD_IP" "$POD_IP" > "$conf/90-address.conf"
: > "$SCRATCH/env.conf"
export ERL_EPMD_ADDRESS=127.0.0.1
epmd -address 127.0.0.1 -port "$ERL_EPMD_PORT" &
until epmd -port "$ERL_EPMD_PORT" -names > "$SCRATCH/names" 2>&1; do sleep 0.1; done
export LANG=C.UTF-8 detached=true \
    RABBITMQ_NODENAME=rabbit@localhost \
    RABBITMQ_CONF_ENV_FILE="$SCRATCH/env.conf" \
    RABBITMQ_CONFIG_FILE="$SCRATCH/rabbitmq.conf" \
    RABBITMQ_CONFIG_FILES="$conf" \
    RABBITMQ_ADVANCED_CONFIG_FILE="$SCRATCH/advanced.config" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$CONFIGURATION/enabled_plugins" \
    RABBITMQ_MNESIA_BASE="$DATA/mnesia" \
    RABBITMQ_LOG_BASE="$SCRATCH/log" \
    ERL_CRASH_DUMP="$SCRATCH/log/erl_crash.dump" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}'
exec "$SERVER"
