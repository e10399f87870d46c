#!/bin/sh
# Prints random secrets for docker-compose.yml: deploy/compose-secrets.sh > .env
# They start with a letter, as NATS would read a leading digit as a number.
set -eu
secret() { printf 's%s' "$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')"; }
umask 077
while IFS= read -r line; do
  case $line in
    *=) printf '%s%s\n' "$line" "$(secret)" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <"$(dirname "$0")/../.env.example"
