"""Takes webhooks and verifies that they are genuine."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

MAX_BODY = 1 << 20  # more than a server sends, unless it is set to

webhook = Webhook(os.environ.get("WEBHOOK_SECRET", ""))
seen: set[str] = set()  # in earnest: a unique key in your database


class Receiver(BaseHTTPRequestHandler):
    timeout = 10

    def do_POST(self) -> None:
        self.send_response(self.take())
        self.send_header("Content-Length", "0")
        self.end_headers()

    def take(self) -> int:
        """Gives the status to answer."""
        if self.path != "/hook":
            return 404
        size = int(self.headers.get("Content-Length", "0"))
        if size > MAX_BODY:
            return 413
        body = self.rfile.read(size)  # the bytes as they came: the signature is over them
        try:
            event = webhook.verify(body, dict(self.headers.items()))
        except (WebhookVerificationError, ValueError) as error:  # ValueError: a header that is none at all
            print(f"refused: {error}", flush=True)
            return 401
        event_id = self.headers["webhook-id"]
        known = event_id in seen
        seen.add(event_id)
        # Here the work would be queued.
        print(f"known: {event_id}" if known else f"accepted: {event['event']} {event_id}", flush=True)
        return 204

    def log_message(self, *_: object) -> None:
        """Says nothing of its own."""


if __name__ == "__main__":
    host, _, port = os.environ.get("ADDRESS", "127.0.0.1:9000").rpartition(":")
    server = ThreadingHTTPServer((host, int(port)), Receiver)
    print(f"receiving at http://{host}:{port}/hook", flush=True)
    server.serve_forever()
