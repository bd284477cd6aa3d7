"""One worker of a team's chatbot: several of them share one memory in PostgreSQL.

    python examples/team_chat/worker.py postgresql://bot:secret@localhost/app --port 8001

    curl -d '{"user": "nell", "text": "My dog Rex is afraid of thunder."}' localhost:8001/tell
    curl -d '{"user": "nell", "text": "What scares my dog?"}' localhost:8002/ask

It needs nothing but NuoNuo and psycopg: a web framework would do no more here than Python's own server.
"""

from __future__ import annotations

import argparse
import json
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from nuonuo import AssociativeMemory, Memory
from nuonuo.errors import InvalidInputError, StoreError


class Chat(BaseHTTPRequestHandler):
    """POST /tell keeps what a user says, POST /ask recalls it; a user's namespace is nobody else's."""

    protocol_version = "HTTP/1.1"
    memory: AssociativeMemory

    def do_POST(self) -> None:
        try:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(HTTPStatus.OK, self._work(given, str(given["user"]), str(given["text"])))
        except (KeyError, ValueError, TypeError) as error:
            self._answer(HTTPStatus.BAD_REQUEST, {"error": f"expected user and text: {error}"})
        except StoreError as error:  # such as a database that stays away: the client may try again
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"error": str(error)})

    def _work(self, given: dict[str, Any], user: str, text: str) -> dict[str, Any]:
        if self.path == "/tell":
            # A client that tries again gives the same id, and what it says is kept once.
            turn = Memory(text, role="user", id=given.get("id"))
            (id,) = self.memory.add(turn, namespace=user, replace=True)
            return {"id": id}
        if self.path == "/ask":
            recall = self.memory.recall(text, k=3, namespace=user)
            return {"confidence": round(recall.confidence, 3), "memories": [h.memory.text for h in recall]}
        raise InvalidInputError("there is /tell and /ask")

    def _answer(self, status: HTTPStatus, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: what users say belongs in no log."""


def serve(memory: AssociativeMemory, port: int, host: str = "127.0.0.1") -> None:
    """Answer until the process ends."""
    handler = type("Handler", (Chat,), {"memory": memory})
    with ThreadingHTTPServer((host, port), handler) as server:
        print(f"worker on port {server.server_address[1]}", flush=True)
        server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("address", help="of the database")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument("--host", default="127.0.0.1")
    args = parser.parse_args()
    with AssociativeMemory.open(args.address) as memory:
        serve(memory, args.port, args.host)


if __name__ == "__main__":
    main()
