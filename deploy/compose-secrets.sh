#!/bin/sh
# Prints random secrets for docker-compose.yml: deploy/compose-secrets.sh > .env
# They start with a letter, as NATS would read a leading digit as a number.
set -eu
secret() { printf 's%s' "$(head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n')"; }
# 32 bytes in base64url, which is what the key of secrets has to be.
key() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n'; }
umask 077
while IFS= read -r line; do
  case $line in
    HEADGATE_SECRETS_KEY=) printf '%s%s\n' "$line" "$(key)" ;;
    *=) printf '%s%s\n' "$line" "$(secret)" ;;
    *) printf '%s\n' "$line" ;;
  esac
done <"$(dirname "$0")/../.env.example"
