"""Publishes events with http.client over one connection: publish.py COUNT URL TOKEN CA BODY"""
import http.client
import ssl
import sys
import urllib.parse

count, url, token, ca, path = sys.argv[1:]
target = urllib.parse.urlsplit(url)
if target.scheme == "https":
    connection = http.client.HTTPSConnection(target.netloc, context=ssl.create_default_context(cafile=ca))
else:
    connection = http.client.HTTPConnection(target.netloc)
body = open(path, "rb").read()
for i in range(int(count)):
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Idempotency-Key": f"python-{i}"}
    # A generator makes it a chunked body.
    connection.request("POST", target.path, iter([body[:50], body[50:]]) if i % 2 else body, headers, encode_chunked=bool(i % 2))
    response = connection.getresponse()
    text = response.read().decode()
    assert response.status == 202, f"{response.status} {text}"
    print(text)
