"""The driver of Ray: takes requests of Node as frames on standard input, answers on standard output, and ends when standard input does.

Requests name themselves by `op` (start, nodes, spawn, kill, retire, put, drop, call). Those with an `id` are answered by a frame of that `id` with
a `value`, an `error` { name, message }, or `lost`: the reason for which the worker of a call is gone. Frames without `id` are events: `started`,
`failed`, `placed` and `lost`.
"""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback

from pr1_cluster.frames import FrameError, read_frame, write_frame

INSTALL = "-m pip install 'ray>=2.60,<3'"
CONNECT_SECONDS = 5
START_SECONDS = 60
CLOSE_SECONDS = 10
# How long a watch of a worker lasts that nothing happens to, and how much later its answer counts as lost.
WATCH_SECONDS = 5
SILENCE_SECONDS = 20
TOKEN_HELP = (
    "Who connects needs the token of the cluster. It is in ~/.ray/auth_token of the user who started it (`ray get-auth-token` prints it there). "
    "Copy that file to ~/.ray/auth_token here, or name it by RAY_AUTH_TOKEN_PATH, or set RAY_AUTH_TOKEN. On nodes set RAY_AUTH_MODE=token too (docs/scale.md)."
)


class Failure(Exception):
    """What stands in the way of a start: a message for the user."""


class Writer:
    """Frames to Node, in order, from a thread of its own: a Node that reads slowly stops no one else."""

    def __init__(self, fd: int):
        self._fd, self._queue = fd, queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, header: dict, payload=None) -> None:
        self._queue.put((header, payload))

    def finish(self, seconds: float) -> None:
        self._queue.put(None)
        self._thread.join(seconds)

    def _run(self) -> None:
        for header, payload in iter(self._queue.get, None):
            try:
                write_frame(self._fd, json.dumps(header).encode(), () if payload is None else (payload,))
            except OSError:
                return


def connect(options: dict):
    """Connects to the cluster of `address`, or starts one. Raises Failure."""
    # Node says what went wrong. Nothing of a run is anybody's statistics.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # For a local cluster: actors would run at nice 15, where a busy machine leaves them next to nothing.
    os.environ.setdefault("RAY_worker_niceness", "0")
    use_token()
    try:
        import ray
    except ImportError as error:
        absent = isinstance(error, ModuleNotFoundError) and error.name == "ray"
        if sys.version_info < (3, 10):
            raise Failure(
                f"Ray 2.60 needs Python 3.10 or later. Got {sys.version.split()[0]} of {sys.executable}. Name another Python by PR1_PYTHON, and install Ray "
                f"there: python3 {INSTALL}."
            ) from None
        what = f"Ray is not installed for {sys.executable}." if absent else f"Ray cannot be loaded by {sys.executable} ({error})."
        raise Failure(f"{what} Install it: {sys.executable} {INSTALL}, or name another Python by PR1_PYTHON.") from None
    version = tuple(int(part) for part in ray.__version__.split(".")[:2] if part.isdigit())
    if not (2, 60) <= version < (3, 0):
        raise Failure(f"Ray 2.60 or later, and below 3, is needed. Got {ray.__version__} of {sys.executable}. Install it: {sys.executable} {INSTALL}.")
    address = options["address"]
    if address not in ("auto", "local"):
        reach(address)
    common = {"log_to_driver": False, "logging_level": "error", "namespace": "parallel-r1"}
    try:
        if address == "local":
            ray.init(address="local", num_cpus=options.get("cpus"), include_dashboard=False, **common)
        else:
            ray.init(address=address, **common)
    except Exception as error:
        raise Failure(explain(error, address)) from error
    return ray


def use_token() -> None:
    """
    Ray shows a token only where RAY_AUTH_MODE says so when it is imported. Without, a cluster that asks for one refuses for twenty seconds, and Ray
    does not say why.
    """
    named = os.environ.get("RAY_AUTH_TOKEN") or os.environ.get("RAY_AUTH_TOKEN_PATH") or os.path.exists(os.path.expanduser("~/.ray/auth_token"))
    if named:
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def reach(address: str) -> None:
    """Ray itself would wait for two minutes, deaf to signals."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, OverflowError, ValueError) as error:
        raise Failure(
            f"There is no Ray cluster at {address} ({error}). `ray start --head` prints the address of a cluster that it starts, HOST:6379. "
            "Use address: auto on a machine of the cluster, or local for one of this run."
        ) from None


def explain(error: Exception, address: str) -> str:
    text = str(error).strip()
    if "auth" in type(error).__name__.lower() or "auth" in text.lower():
        return f"The Ray cluster at {address} lets nobody in without its token. {TOKEN_HELP} Ray said: {first_line(text).split('. ')[0]}."
    if address == "auto" and "Could not find" in text:
        return (
            "No Ray cluster runs on this machine. Start one with `ray start --head`, join one with `ray start --address=HOST:6379`, "
            "name one by address: HOST:6379, or use address: local for one of this run."
        )
    if address == "auto" and isinstance(error, ConnectionError):
        # Ray looks through the processes of the machine, whoever's they are.
        return f"Ray found a cluster on this machine that did not let this process in. If it is not yours, name yours by address: HOST:PORT. {TOKEN_HELP} Ray said: {first_line(text)}."
    if isinstance(error, ConnectionError):
        # There is something at the address: reach() got a connection.
        return f"The Ray cluster at {address} did not let this process in. {TOKEN_HELP} Ray said: {first_line(text)}."
    problem = f"Ray could not be started with address {address}: {type(error).__name__}: {text}"
    if "Version mismatch" in text:
        return f"{problem}. Use the Python and the Ray of the cluster: name that Python by PR1_PYTHON."
    if isinstance(error, OSError):
        return f"{problem}. Ray writes to {os.environ.get('RAY_TMPDIR', '/tmp/ray')}, and its token to ~/.ray: can both be written? RAY_TMPDIR and HOME name others."
    return problem


def first_line(text: str) -> str:
    return text.split("\n")[0]


def reason_of(error: Exception) -> str:
    """What Ray says of a loss, without what it says of every loss."""
    text = first_line(str(error).strip()).split(". The task may or may not")[0].rsplit("temporarily unavailable: ", 1)[-1].rstrip(". ")
    return f"its process or its node is gone (Ray: {text or type(error).__name__})"


class Handle:
    """One worker: its Ray actor, and what is known of the process that it runs now."""

    def __init__(self, bridge: Bridge, worker: int, options: dict):
        self._bridge, self._worker, self._options = bridge, worker, options
        self._life = -1
        self._token = None
        self._lost = None
        self._killed = False
        self._actor = self._create()
        self._task = asyncio.ensure_future(self._follow())

    def kill(self) -> None:
        """Its process ends, and Ray starts it again."""
        self._killed = True
        self._bridge.ray.kill(self._actor, no_restart=False)

    def retire(self) -> None:
        self._task.cancel()
        self._bridge.ray.kill(self._actor, no_restart=True)

    async def call(self, life: int, header: bytes, payload) -> tuple[dict, object]:
        if self._token is None or life != self._life:
            return {"lost": "it was started again"}, None
        try:
            answer = await self._actor.call.remote(self._token, header, payload)
        except (self._bridge.ray.exceptions.RayActorError, self._bridge.ray.exceptions.ObjectLostError) as error:
            return {"lost": self._end_life(life, self._why(reason_of(error)))}, None
        if answer is None:
            # Its process is another one already, and the watch of the old one has not heard of its end yet.
            return {"lost": self._end_life(life, "it was started again")}, None
        return {"value": json.loads(answer[0])}, answer[1]

    def _end_life(self, life: int, reason: str) -> str:
        if life == self._life and self._lost and not self._lost.done():
            self._lost.set_result(reason)
        return reason

    def _create(self):
        options = self._options
        actor = self._bridge.actor_class.options(
            num_cpus=options["cpus"], max_restarts=-1, max_task_retries=0, max_concurrency=1000, name=None
        )
        return actor.remote(options["command"], options["env"], options["deadline"])

    async def _follow(self) -> None:
        """Tells Node of each start and each end of the worker, for as long as it is wanted."""
        errors = self._bridge.ray.exceptions
        while True:
            try:
                place = await self._actor.where.remote()
            except errors.ActorUnavailableError:
                # Ray is starting it again.
                await asyncio.sleep(0.2)
                continue
            except errors.RayActorError as error:
                self._report(reason_of(error))
                await asyncio.sleep(1)
                self._actor = self._create()
                continue
            if "failed" in place:
                self._report(f"it did not start on {place['ip']}: {place['failed']}")
                await asyncio.sleep(1)
                continue
            self._life += 1
            self._token, self._killed = place.pop("token"), False
            self._bridge.send({"op": "placed", "worker": self._worker, "place": {**place, "life": self._life}})
            reason = await self._end_of_life()
            self._token = None
            self._report(reason, life=self._life)

    async def _end_of_life(self) -> str:
        self._lost = asyncio.get_running_loop().create_future()
        while True:
            watch = asyncio.ensure_future(self._watch())
            done, _ = await asyncio.wait({watch, self._lost}, timeout=WATCH_SECONDS + SILENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if watch in done and watch.result() is None:
                continue
            watch.cancel()
            if watch in done:
                return watch.result()
            if self._lost in done:
                return self._lost.result()
            # The actor itself answers no more, or its node is cut off: another takes its place.
            self._bridge.ray.kill(self._actor, no_restart=True)
            self._actor = self._create()
            return f"its node did not answer for {WATCH_SECONDS + SILENCE_SECONDS} seconds"

    async def _watch(self) -> str | None:
        try:
            reason = await self._actor.watch.remote(self._token, WATCH_SECONDS)
        except self._bridge.ray.exceptions.RayError as error:
            reason = reason_of(error)
        return None if reason is None else self._why(reason)

    def _why(self, reason: str) -> str:
        return "it was killed on request" if self._killed else reason

    def _report(self, reason: str, **life: int) -> None:
        """`life`: the one that ended; none of a process that never got ready."""
        self._bridge.send({"op": "lost", "worker": self._worker, "reason": reason, **life})


class Bridge:
    def __init__(self, ray, writer: Writer):
        from pr1_cluster import actor

        self.ray = ray
        # By value: a node needs Ray and the worker's command, not this package.
        ray.cloudpickle.register_pickle_by_value(sys.modules["pr1_cluster"])
        self.actor_class = ray.remote(actor.Worker)
        self._bytes = actor.Bytes
        self._writer = writer
        self._workers: dict[int, Handle] = {}
        self._objects: dict = {}
        self._tasks: set = set()

    def send(self, header: dict, payload=None) -> None:
        self._writer.send(header, payload)

    def take(self, header: dict, payload: memoryview) -> None:
        task = asyncio.ensure_future(self._answer(header, payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, header: dict, payload: memoryview) -> None:
        data = None
        try:
            answer = await getattr(self, f"_{header['op']}")(header, payload)
            if isinstance(answer, tuple):
                answer, data = answer
        except Exception as error:
            traceback.print_exc()
            answer = {"error": {"name": type(error).__name__, "message": str(error).strip()}}
        if "id" in header:
            self.send({"id": header["id"], **(answer or {"value": None})}, data)
        elif answer:
            self.send({"op": "lost", "worker": header.get("worker"), "reason": answer["error"]["message"]})

    async def _nodes(self, header: dict, payload: memoryview) -> dict:
        def read():
            free = self.ray._private.state.available_resources_per_node()
            return [
                {
                    "id": node["NodeID"],
                    "ip": node["NodeManagerAddress"],
                    "cpus": node["Resources"].get("CPU", 0),
                    "freeCpus": free.get(node["NodeID"], {}).get("CPU", 0),
                }
                for node in self.ray.nodes()
                if node["Alive"]
            ]

        return {"value": await in_thread(read)}

    async def _spawn(self, header: dict, payload: memoryview) -> None:
        self._workers[header["worker"]] = Handle(self, header["worker"], header["options"])

    async def _kill(self, header: dict, payload: memoryview) -> None:
        self._workers[header["worker"]].kill()

    async def _retire(self, header: dict, payload: memoryview) -> None:
        self._workers.pop(header["worker"]).retire()

    async def _put(self, header: dict, payload: memoryview) -> None:
        self._objects[header["key"]] = await in_thread(lambda: self.ray.put(self._bytes(payload)))

    async def _drop(self, header: dict, payload: memoryview) -> None:
        self._objects.pop(header["key"], None)

    async def _call(self, header: dict, payload: memoryview) -> tuple[dict, object]:
        key, worker = header.get("object"), self._workers.get(header["worker"])
        if worker is None:
            return {"lost": "it was retired"}, None
        if key is not None and key not in self._objects:
            return {"error": {"name": "ClusterError", "message": f"Nothing is in the object store under {key!r}. put comes before call, and drop after."}}, None
        data = self._objects[key] if key is not None else self._bytes(payload)
        return await worker.call(header["life"], json.dumps(header["header"]).encode(), data)


async def in_thread(work):
    return await asyncio.get_running_loop().run_in_executor(None, work)


async def serve(bridge: Bridge, requests) -> None:
    """Until Node closes its side."""
    loop = asyncio.get_running_loop()
    ended = loop.create_future()

    def read() -> None:
        try:
            for header, payload in iter(lambda: read_frame(requests), None):
                loop.call_soon_threadsafe(bridge.take, json.loads(header), payload)
        except (FrameError, ValueError) as error:
            print(error, file=sys.stderr)
        end_after(CLOSE_SECONDS)
        loop.call_soon_threadsafe(ended.set_result, None)

    threading.Thread(target=read, daemon=True).start()
    await ended


def end_after(seconds: float, before=lambda: None, code: int = 1) -> threading.Timer:
    """Ends this process even where Ray does not come back from a call."""

    def end() -> None:
        before()
        os._exit(code)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    return timer


def main() -> None:
    # Ray prints to standard output. The frames keep the pipe for themselves.
    frames = os.dup(1)
    os.dup2(2, 1)
    writer = Writer(frames)
    options = json.loads(sys.argv[1])

    def fail(message: str) -> None:
        writer.send({"op": "failed", "message": message})
        writer.finish(2)

    silence = (
        f"Ray did not come back within {START_SECONDS} seconds with address {options['address']}. Does `ray status` work here? {TOKEN_HELP}"
    )
    limit = end_after(START_SECONDS, lambda: fail(silence))
    try:
        ray = connect(options)
    except Failure as failure:
        limit.cancel()
        fail(str(failure))
        os._exit(1)
    limit.cancel()
    writer.send({"op": "started", "ray": ray.__version__, "python": sys.executable, "address": ray.get_runtime_context().gcs_address})
    try:
        asyncio.run(serve(Bridge(ray, writer), sys.stdin.buffer))
    finally:
        end_after(CLOSE_SECONDS)
        ray.shutdown()
        os._exit(0)
