#!/bin/sh
# Publishes events with curl over one connection: publish.sh COUNT URL TOKEN CA BODY
count=$1 url=$2 token=$3 ca=$4 body=$5
set --
while [ "$count" -gt 0 ]; do
	set -- "$@" --next --silent --show-error --fail --cacert "$ca" --header "Authorization: Bearer $token" --header "Idempotency-Key: curl-$count" \
		--header 'Content-Type: application/json' --data-binary "@$body" --write-out '\n' "$url"
	count=$((count - 1))
done
shift # the first --next
exec curl "$@"
