"""The load: `wrk` when it is installed, else a plain client of our own; both on one core over 16 connections."""

from __future__ import annotations

import os
import re
import selectors
import shutil
import socket
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

from attrs import frozen

from . import scene

CONNECTIONS = 16
_LUA = Path(__file__).with_name("load.lua")


@frozen
class Plan:
    """What to send: a *body*, whose `%s` becomes a code or the refresh token of a chain when *kind* says so."""

    body: str
    kind: str | None = None
    first: int = 0


@frozen
class Load:
    """What came of it."""

    requests: int
    bad: int
    rate: float


def apply(port: int, plan: Plan, seconds: int, core: int) -> Load:
    """Send *plan* to the server at *port* for some *seconds* from *core*."""
    if shutil.which("wrk"):
        return _wrk(port, plan, seconds, core)
    command = [sys.executable, "-m", "benchmarks.load", str(port), str(seconds)]
    done = subprocess.run(_on(core, command), env=_environment(plan), capture_output=True, text=True, check=True)
    requests, bad, rate = done.stdout.split()
    return Load(int(requests), int(bad), float(rate))


def _on(core: int, command: list[str]) -> list[str]:
    return ["taskset", "-c", str(core), *command] if shutil.which("taskset") else command


def _environment(plan: Plan) -> dict[str, str]:
    given = {"BODY": plan.body, "BASIC": scene.BASIC, "FIRST": str(plan.first)}
    return {**os.environ, **given, **({"KIND": plan.kind} if plan.kind else {})}


def _wrk(port: int, plan: Plan, seconds: int, core: int) -> Load:
    url = f"http://127.0.0.1:{port}/token"
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(_LUA), url]
    done = subprocess.run(_on(core, command), env=_environment(plan), capture_output=True, text=True, check=True)
    if done.stderr.strip():
        print("  " + done.stderr.strip()[:300], flush=True)
    bad = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", done.stdout)))
    for kinds in re.findall(r"Socket errors: (.*)", done.stdout):
        bad += sum(map(int, re.findall(r"\d+", kinds)))
    requests = int(re.search(r"(\d+) requests in", done.stdout)[1])  # type: ignore[index]  # wrk always says it
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)[1])  # type: ignore[index]
    return Load(requests, bad, rate)


class _Client:
    """One connection that asks, reads the answer, and asks again."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def ask(self, body: str) -> None:
        head = (
            "POST /token HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Accept: application/json\r\nAuthorization: {scene.BASIC}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.buffer = b""
        self.socket.sendall((head + body).encode())

    def answer(self) -> tuple[bool, str] | None:
        """Read on; return whether the answer is a good one, and its body, once it is all there."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError("the server hung up")
        self.buffer += part
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if not end or length is None or len(body) < int(length[1]):
            return None
        return head.startswith(b"HTTP/1.1 200"), body.decode()


def _bodies(plan: Plan, free: deque[str]) -> str:
    if plan.kind is None:
        return plan.body
    return plan.body.replace("%s", free.popleft() if free else "dry")


def _main(port: int, seconds: float, plan: Plan) -> Load:
    name = scene.code_named if plan.kind == "code" else scene.chain_named
    free = deque(name(plan.first + number) for number in range(20_000 if plan.kind == "code" else 64))
    selector, requests, bad = selectors.DefaultSelector(), 0, 0
    for client in [_Client(port) for _ in range(CONNECTIONS)]:
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.ask(_bodies(plan, free))
    start = time.perf_counter()
    while (now := time.perf_counter()) < start + seconds:
        for key, _ in selector.select(0.1):
            client = key.data
            answer = client.answer()
            if answer is None:
                continue
            good, text = answer
            requests, bad = requests + 1, bad + (not good)
            if plan.kind == "chain":
                free += re.findall(r'"refresh_token":\s*"([^"]+)"', text)
            client.ask(_bodies(plan, free))
    return Load(requests, bad, requests / (now - start))


if __name__ == "__main__":
    asked = Plan(os.environ["BODY"], os.environ.get("KIND"), int(os.environ.get("FIRST", "0")))
    load = _main(int(sys.argv[1]), float(sys.argv[2]), asked)
    print(load.requests, load.bad, load.rate)
