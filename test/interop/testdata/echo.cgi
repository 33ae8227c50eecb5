#!/bin/sh
# A CGI program: reads the body and answers with the event's id and the path.
cat >/dev/null
printf 'Content-Type: text/plain\r\n\r\n%s %s' "$HTTP_WEBHOOK_ID" "$REQUEST_URI"
