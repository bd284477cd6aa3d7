"""Workers of the team chat share a memory; they are killed and restarted under load, and nothing is lost."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import drop_schemas, fresh_address

ROOT = Path(__file__).resolve().parents[1]

# The worker as it stands, but for the embedder, and a port that the system chooses.
STARTING = """
import sys
sys.path[:0] = [sys.argv[2], sys.argv[2] + "/examples/team_chat", sys.argv[2] + "/core"]
from nuonuo import AssociativeMemory
from tests.fakes import SMALL, WordEmbedder
from worker import serve
with AssociativeMemory.open(sys.argv[1], embedder=WordEmbedder(), config=SMALL) as memory:
    serve(memory, int(sys.argv[3]))
"""


class Worker:
    def __init__(self, address: str) -> None:
        self._address, self.port = address, 0
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", STARTING, self._address, str(ROOT), str(self.port)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().rpartition(" ")[2])

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def post(self, what: str, **given: str) -> dict[str, Any]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{what}", json.dumps(given).encode())
        with urllib.request.urlopen(request, timeout=20) as answer:
            return dict(json.load(answer))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_workers_that_are_killed_under_load() -> None:
    address = fresh_address()
    workers = [Worker(address), Worker(address)]
    told: list[tuple[str, str]] = []
    stop = threading.Event()

    def chat(user: int) -> None:
        turn = 0
        while not stop.is_set():
            text = f"user {user} said a thing of number {turn}"
            for attempt in range(200):  # as a balancer does, to the other one
                try:
                    workers[(user + attempt) % 2].post(
                        "tell", user=f"u{user}", text=text, id=f"{user}-{turn}"
                    )
                    break
                except (OSError, http.client.HTTPException):  # killed before, or in the middle of its answer
                    time.sleep(0.05)
            told.append((f"u{user}", text))
            turn += 1

    try:
        with ThreadPoolExecutor(3) as pool:
            chats = [pool.submit(chat, user) for user in range(3)]
            for number in range(4):
                time.sleep(0.3)
                workers[number % 2].kill()
                workers[number % 2].start()
            time.sleep(0.3)
            stop.set()
            for each in chats:
                each.result()
        assert len(told) > 10
        for worker in workers:
            for user, text in told[-6:]:
                answer = worker.post("ask", user=user, text=text)
                assert text in answer["memories"]
                assert all(memory.startswith(f"user {user[1:]} ") for memory in answer["memories"])
        with pytest.raises(urllib.error.HTTPError) as caught:
            workers[0].post("ask", user="u0")
        assert caught.value.code == 400
    finally:
        for worker in workers:
            worker.kill()
    from nuonuo.stores.opening import open_store

    store = open_store(address)
    assert sorted((str(m.namespace), m.text) for m in store.list()) == sorted(told)
    store.close()
    drop_schemas()
