"""A receiver on http.server: receiver.py PLAIN TLS PROTOCOL CERT KEY"""
import http.server
import json
import ssl
import sys
import threading

plain, tls, protocol, cert, key = sys.argv[1:]


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = protocol

    def answer(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert json.loads(body)["n"] == 1152921506151679043
        hit = f"{self.headers['webhook-id']} {self.path}"
        sys.stdout.write(f"HIT {hit}\n")  # one write: threads share it
        self.send_response(200)
        self.send_header("Content-Length", str(len(hit)))
        self.end_headers()
        self.wfile.write(hit.encode())

    do_POST = do_PUT = do_PATCH = answer

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
secured = Server(("127.0.0.1", int(tls)), Receiver)
# Without do_handshake_on_connect=False a client that only connects would block the others.
secured.socket = context.wrap_socket(secured.socket, server_side=True, do_handshake_on_connect=False)
threading.Thread(target=secured.serve_forever, daemon=True).start()
Server(("127.0.0.1", int(plain)), Receiver).serve_forever()
