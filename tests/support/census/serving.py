"""The server that a case talks to: the real one, around the census's engine, in a thread of the case's process."""

from __future__ import annotations

import socket
import threading

import uvicorn
from starlette.types import Receive, Scope, Send

from mtrl_judge_plugin.harness.current import EVALUATION
from mtrl_judge_plugin.judging.options import load_judge
from mtrl_judge_plugin.server.app import create_app
from mtrl_judge_plugin.server.request_handler import MATERIAL


def serve() -> str:
    """Start it; its address without a path. It ends with the process."""
    listener = socket.create_server(("127.0.0.1", 0))  # open before the server runs: early clients wait
    app = create_app(load_judge("engine=census,ledger=none"))

    async def with_material(scope: Scope, receive: Receive, send: Send) -> None:
        scope[MATERIAL] = EVALUATION.material  # as the gateway of `mtrl-judge run` has it from the evaluation
        await app(scope, receive, send)

    config = uvicorn.Config(with_material, log_level="warning", lifespan="off")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"
