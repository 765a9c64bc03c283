# A mail server, which speaks before its clients do: it takes any mail and tells how many bytes it had.
import socketserver


class Mail(socketserver.StreamRequestHandler):
    def say(self, line):
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self):
        self.say("220 mail.example.com ESMTP")
        for line in self.rfile:
            verb = line.strip().decode().upper().split(" ")[0]
            if verb == "DATA":
                self.say("354 go on")
                size = 0
                while (part := self.rfile.readline()) != b".\r\n":
                    size += len(part)
                self.say(f"250 took {size}")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


Server(("", 25), Mail).serve_forever()
