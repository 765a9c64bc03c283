# Python's clients: urllib, http.client with one connection for many requests, requests where it is installed, and smtplib, which waits to be greeted.
import http.client
import smtplib
import sys
import urllib.request

host, mail = sys.argv[1:]
print("urllib", urllib.request.urlopen(f"http://{host}/", data=b"x" * 2_000_000).read().decode())
connection = http.client.HTTPConnection(host)
for _ in range(20):
    connection.request("POST", "/", body=iter([b"a", b"bc"]), encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
    said = connection.getresponse().read().decode()
print("http.client", said)
try:
    import requests
except ImportError:
    print("requests is not installed", file=sys.stderr)
else:
    with requests.Session() as session:
        answers = {session.post(f"http://{host}/", data="x" * 5).text for _ in range(5)}
    print("requests", *answers)
with smtplib.SMTP(mail) as smtp:
    print("smtplib", smtp.noop(), smtp.docmd("MAIL", "FROM:<a@example.com>"), smtp.data("x" * 500_000 + "\n"))
