"""An application that passes a command's questions on to an mtrl-judge server that runs already."""

from __future__ import annotations

import os
from typing import Any

import httpx

from mtrl_judge_plugin.harness.door import json_object


def relay_to(url: str) -> tuple[Any, str]:
    """(an application that passes requests on to a server that runs, its name).

    Raises:
        ValueError: nothing answers there, or no mtrl-judge.
    """
    import uvicorn  # noqa: F401  # is wanted later, and missed here

    from mtrl_judge_plugin.server.guards import is_loopback

    url = url.rstrip("/").removesuffix("/v1")
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"--url {url}: want http://HOST:PORT")
    key = os.environ.get("MTRL_JUDGE_API_KEY")
    # A proxy knows another machine by 127.0.0.1.
    options: Any = {
        "headers": {"Authorization": f"Bearer {key}"} if key else {},
        "trust_env": not is_loopback(httpx.URL(url).host),
    }
    client = httpx.AsyncClient(base_url=url, timeout=None, **options)
    try:
        models = httpx.get(f"{url}/v1/models", timeout=30, **options)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise ValueError(f"--url {url}: no server answers there: {error}") from error
    if models.status_code in (401, 403):
        raise ValueError(f"--url {url}: status {models.status_code}; its key is to stand in MTRL_JUDGE_API_KEY")
    model: dict[str, Any] = next(iter(json_object(models.content).get("data") or ()), {})
    if model.get("owned_by") != "mtrl-judge":
        raise ValueError(
            f"--url {url}: no mtrl-judge server. A model's server is an engine of the judge: "
            f"--args engine=endpoint,base_url={url}/v1,model=NAME"
        )

    async def relay(scope: Any, receive: Any, send: Any) -> None:
        from starlette.requests import Request
        from starlette.responses import JSONResponse, Response

        if scope["type"] != "http":
            return
        asked = Request(scope, receive)
        headers = {"Content-Type": asked.headers.get("content-type", "")}
        try:
            got = await client.request(
                asked.method, f"{scope['path']}?{asked.url.query}", content=await asked.body(), headers=headers
            )
        except httpx.HTTPError as error:
            message = f"the server at {url} does not answer: {error or type(error).__name__}"
            answer: Response = JSONResponse({"error": {"message": message, "code": "engine_error"}}, 502)
        else:
            answer = Response(got.content, got.status_code, media_type=got.headers.get("content-type"))
            if got.status_code == 200 and (usage := json_object(got.content).get("usage")):
                scope["state"] = {**usage, "cached": not usage["total_tokens"]}
        await answer(scope, receive, send)

    return relay, f"{model['id']} at {url}"
