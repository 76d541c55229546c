"""The guest's side of the VM lane: runs commands and Python functions that the host asks for.

Owns: one virtio port, JSON lines both ways, a child for each request so that nothing is left behind in here.
Must not know: the tests. The big imports happen once, before the machine's state is saved, since under
emulation they take seconds; each child inherits them.

    {"id": 1, "do": "run", "command": "ls /dev", "timeout_s": 10}        -> {"id": 1, "code": 0, "output": …}
    {"id": 2, "do": "call", "function": "a.b:c", "arguments": {…}, …}    -> {"id": 2, "value": …, "output": …}
                                                                          or {"id": 2, "error": …, "output": …}
"""

import asyncio
import contextlib
import ctypes
import faulthandler
import fcntl
import gc
import importlib
import inspect
import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback

PORT = "/dev/virtio-ports/edge.resident"
WARM = (
    "argparse ctypes email.message evdev glob http.client importlib.metadata json logging paho.mqtt.client "
    "paho.mqtt.packettypes PIL.Image pydantic pytest escpos.escpos serial serial.tools.list_ports sqlite3 "
    "subprocess tomllib uharfbuzz usb.core usb.util usb.backend.libusb1 uuid"
)
OUTPUT_LIMIT = 256 * 1024  # the end of it: what a person reads of a failed test
LOCALS_LIMIT = 400  # characters of each value that a failed assertion shows
STACK_WAIT_S = 5.0  # for the stacks of a function that hangs, before it is killed
READY = "RESIDENT-READY"
RESEED = 0x5207  # RNDRESEEDCRNG of random(4)
KERNEL_CONSOLE_LEVEL = 8  # the action of syslog(2) that sets it
MOUNT_READ_ONLY = 1
MOUNT_OPTIONS = b"trans=virtio,version=9p2000.L,cache=loose,msize=524288"


def main():
    say(f"not imported: {warm(WARM.split())}")
    while not os.path.exists(PORT):
        time.sleep(0.1)
    port = os.open(PORT, os.O_RDWR)  # can be opened only once
    say(READY)
    held = b""
    while True:
        data = os.read(port, 65536)
        if not data:
            time.sleep(0.02)  # the host is not connected
            continue
        *lines, held = (held + data).split(b"\n")
        for line in lines:
            answer(port, line)


def warm(modules, path=()):
    """Import in here, for all children to come; gives what could not be imported."""
    os.environ["EDGE_IN_GUEST"] = "1"
    sys.dont_write_bytecode = True
    sys.path[:0] = [place for place in path if place not in sys.path]
    missing = []
    for name in modules:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever the module is about: the resident goes on
            missing.append(f"{name}: {error!r}")
    gc.freeze()  # what the children share stays untouched
    return missing


def say(text):
    with open("/dev/ttyS0", "w", encoding="utf-8") as console:
        console.write(text + "\n")


def answer(port, line):
    try:
        request = json.loads(line)
    except ValueError:
        return  # the rest of a conversation with a host that went away
    reply = {"id": request["id"], **perform(request)}
    data = json.dumps(reply).encode() + b"\n"
    while data:
        data = data[os.write(port, data) :]


def perform(request):
    if request["do"] == "hello":
        return {"value": request["id"]}
    if request["do"] == "warm":
        return {"value": warm(request["modules"], request["path"])}
    if request["do"] == "settle":
        return {"value": settle(**request["arguments"])}
    with tempfile.TemporaryFile(dir="/run") as output:
        result = in_child(request, output)
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - OUTPUT_LIMIT))
        return {**result, "output": output.read().decode("utf-8", "replace")}


def settle(now_s, share, chance):
    """After waking up: the right time, chance, kernel messages to the console, the host's folder in place."""
    time.clock_settime(time.CLOCK_REALTIME, now_s)
    stir(bytes.fromhex(chance))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.klogctl(KERNEL_CONSOLE_LEVEL, None, 7)
    where = f"/{share}".encode()
    if libc.mount(share.encode(), where, b"9p", MOUNT_READ_ONLY, MOUNT_OPTIONS):
        return os.strerror(ctypes.get_errno())
    return ""


def stir(chance):
    """New random numbers: a woken guest would draw those once more that it drew when last woken."""
    pool = os.open("/dev/random", os.O_WRONLY)
    try:
        os.write(pool, chance)
        fcntl.ioctl(pool, RESEED)
    finally:
        os.close(pool)


def in_child(request, output):
    """Fork, run, and give what came out; the child's process group dies with the request."""
    back, forth = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(back)
        become(request, output, forth)
    os.close(forth)
    try:
        return gather(back, child, request["timeout_s"])
    finally:
        os.close(back)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)


def gather(back, child, timeout_s):
    end = time.monotonic() + timeout_s
    data = b""
    while (left := end - time.monotonic()) > 0:
        if not select.select([back], [], [], left)[0]:
            continue
        piece = os.read(back, 65536)
        if not piece:
            return json.loads(data) if data else {"error": "the process died without an answer"}
        data += piece
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGUSR1)
    select.select([back], [], [], min(STACK_WAIT_S, 1.0))
    return {"error": f"not done after {timeout_s} s", "timeout": True}


def become(request, output, forth):
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output.fileno(), 1)
    os.dup2(output.fileno(), 2)
    try:
        if request["do"] == "run":
            result = run(request["command"])
        else:
            faulthandler.register(signal.SIGUSR1, all_threads=True)
            result = call(request["function"], request["arguments"], request["path"])
    except BaseException as error:  # the host shall see every end
        result = {"error": told(error)}
    sys.stdout.flush()
    sys.stderr.flush()
    data = json.dumps(result).encode()
    while data:
        data = data[os.write(forth, data) :]
    os._exit(0)


def run(command):
    child = os.fork()
    if child == 0:
        os.execv("/bin/sh", ["sh", "-c", command])
    return {"code": os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])}


def call(function, arguments, path):
    sys.path[:0] = path
    sys.dont_write_bytecode = True
    module, _, name = function.partition(":")
    value = getattr(importlib.import_module(module), name)(**arguments)
    if inspect.iscoroutine(value):
        value = asyncio.run(value)
    return {"value": value}


def told(error):
    """The traceback, and the local values where it happened: assertions are plain here."""
    text = "".join(traceback.format_exception(error))
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is not None:
        for name, value in at.tb_frame.f_locals.items():
            text += f"    {name} = {repr(value)[:LOCALS_LIMIT]}\n"
    return text


if __name__ == "__main__":
    main()
