"""One Ray actor for each worker: it starts the worker's process on its node and speaks frames with it. It keeps nothing of a training run."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import json
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import time
import uuid

import ray

from pr1_cluster.frames import FrameError, read_frame, write_frame

START_SECONDS = 120
STDERR_BYTES = 4096
# What a process that is about to end waits for its last replies to leave.
LAST_WORD_SECONDS = 0.5
# What one whose worker never got ready waits until the bridge asked why.
FAILED_SECONDS = 30

# On Linux the worker's process ends with the actor's, however that ends. Elsewhere it ends when its standard input does.
# Ray runs actors at nice 15, where a busy machine leaves them next to nothing. Who may (root) takes that back.
# In an interpreter of its own: code between fork and exec in a process of many threads may hang.
WITH_PARENT = """
import os, sys
try:
    os.setpriority(os.PRIO_PROCESS, 0, 0)
except OSError:
    pass
if sys.platform == 'linux':
    try:
        import ctypes
        ctypes.CDLL(None).prctl(1, 9)
    except Exception:
        pass
    if os.getppid() != int(sys.argv[1]):
        sys.exit('The process that started it is gone.')
command = sys.argv[2:]
# A program that lies elsewhere on this node is taken from PATH.
for program in (command[0], os.path.basename(command[0])):
    try:
        os.execvp(program, command)
    except OSError as error:
        problem = '%s: %s' % (program, error.strerror)
sys.exit('%s, and PATH has none: %s' % (command[0], problem))
"""


class Bytes:
    """Bytes that Ray moves out of band: written once into the object store, and read from there without a copy (as a memoryview)."""

    def __init__(self, view):
        self.view = view

    def __reduce_ex__(self, protocol):
        return memoryview, (pickle.PickleBuffer(self.view),)


class Worker:
    """`deadline`: seconds without a frame while a call is under way, until the process counts as hung."""

    def __init__(self, command: list[str], env: dict[str, str], deadline: float):
        self._token = uuid.uuid4().hex
        self._command, self._deadline = command, deadline
        # Ray sets it to the CPUs of the actor. The engine counts its own threads.
        self._env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
        self._env.update(env)
        self._ready = concurrent.futures.Future()
        self._ended = concurrent.futures.Future()
        self._told = threading.Event()
        self._calls: dict[int, concurrent.futures.Future] = {}
        self._last_id = 0
        self._lock = threading.Lock()
        self._heard = time.monotonic()
        self._reason = ""
        self._child = None
        self._stderr = collections.deque()
        self._outgoing = queue.SimpleQueue()
        # The thread that starts a process on Linux must live as long as it (PR_SET_PDEATHSIG).
        threading.Thread(target=self._run, daemon=True).start()
        threading.Thread(target=self._watch_deadline, daemon=True).start()

    async def where(self) -> dict:
        """Where the worker runs, when its process is ready, or `failed`: why there is none."""
        await asyncio.wait({asyncio.wrap_future(self._ready), asyncio.wrap_future(self._ended)}, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done():
            if self._ready.done() or self._told.is_set():
                # Known already. This process ends now, and the caller asks the next one.
                await asyncio.sleep(FAILED_SECONDS)
            self._told.set()
            return {"failed": self._ended.result(), "ip": ray.util.get_node_ip_address()}
        context = ray.get_runtime_context()
        return {
            "token": self._token,
            "node": context.get_node_id(),
            "ip": ray.util.get_node_ip_address(),
            "pid": self._child.pid,
        }

    async def watch(self, token: str, seconds: float) -> str | None:
        """Why the process of this token ended, or None where it still runs after `seconds`."""
        if token != self._token:
            return "it was started again"
        await asyncio.wait({asyncio.wrap_future(self._ended)}, timeout=seconds)
        return self._ended.result() if self._ended.done() else None

    async def call(self, token: str, header: bytes, payload) -> tuple[bytes, Bytes] | None:
        """The worker's reply to a request, or None where `token` is of an earlier process. `payload`: a memoryview, also one in the object store."""
        if token != self._token:
            return None
        future = concurrent.futures.Future()
        with self._lock:
            self._last_id += 1
            id = self._last_id
            if not self._calls:
                self._heard = time.monotonic()
            self._calls[id] = future
        self._outgoing.put((json.dumps({**json.loads(header), "id": id}).encode(), payload))
        reply, data = await asyncio.wrap_future(future)
        del reply["id"]
        return json.dumps(reply).encode(), Bytes(data)

    def _run(self) -> None:
        try:
            self._child = subprocess.Popen(
                [sys.executable, "-S", "-E", "-c", WITH_PARENT, str(os.getpid()), *self._command],
                env=self._env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
            )
        except OSError as error:
            return self._end(f"its process could not be started ({error})")
        stderr = threading.Thread(target=self._keep_stderr, daemon=True)
        stderr.start()
        threading.Thread(target=self._write, daemon=True).start()
        try:
            while True:
                frame = read_frame(self)
                if frame is None:
                    break
                self._take(json.loads(frame[0]), frame[1])
        except (FrameError, ValueError) as error:
            self._reason = self._reason or f"it wrote something else than frames to its standard output ({error})"
        self._kill()
        code = self._child.wait()
        stderr.join(1)
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
        said = b"".join(self._stderr)[-STDERR_BYTES:].decode("utf-8", "replace").strip()
        self._end((self._reason or f"its process ended {how}") + (f". It said: {said}" if said else ""))

    def readinto(self, view: memoryview) -> int:
        """What the worker wrote. Any byte is a sign of it: a large reply may take longer than the deadline."""
        count = self._child.stdout.readinto(view)
        self._heard = time.monotonic()
        return count

    def _take(self, header: dict, data: memoryview) -> None:
        if header.get("ready"):
            self._ready.set_result(None)
        elif "id" in header:
            with self._lock:
                future = self._calls.pop(header["id"], None)
            if future:
                future.set_result((header, data))

    def _write(self) -> None:
        while True:
            header, payload = self._outgoing.get()
            try:
                write_frame(self._child.stdin.fileno(), header, [payload])
            except (OSError, ValueError):
                return

    def _keep_stderr(self) -> None:
        kept = 0
        while True:
            chunk = os.read(self._child.stderr.fileno(), 65536)
            if not chunk:
                return
            self._stderr.append(chunk)
            kept += len(chunk)
            while kept - len(self._stderr[0]) >= STDERR_BYTES:
                kept -= len(self._stderr.popleft())

    def _watch_deadline(self) -> None:
        limit = max(self._deadline, START_SECONDS)
        while not self._ended.done():
            time.sleep(min(1.0, self._deadline / 4))
            with self._lock:
                silent = time.monotonic() - self._heard
                waiting = bool(self._calls)
            if self._ready.done():
                if waiting and silent > self._deadline:
                    self._reason = f"it hung: not a sign of it for {self._deadline:g} seconds while a call was under way"
            elif silent > limit:
                self._reason = f"its process was not ready after {limit:g} seconds"
            if self._reason:
                return self._kill()

    def _kill(self) -> None:
        """Also what the worker started: it leads a process group."""
        try:
            os.killpg(self._child.pid, signal.SIGKILL)
        except (OSError, AttributeError):
            pass

    def _end(self, reason: str) -> None:
        """The actor's process ends with the worker's, and Ray starts both again."""
        self._ended.set_result(reason)
        if not self._ready.done():
            self._told.wait(FAILED_SECONDS)
        time.sleep(LAST_WORD_SECONDS)
        os._exit(1)
