"""What a network of the same shape costs without us: two nginx, mutual TLS before each of them.

curl ==TLS, client certificate==> nginx ==TLS, client certificate==> nginx -- one file
"""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from drimbox.errors import SettingsError, TimedOut
from drimbox.sandbox.network.addresses import CONSUMER_DB, SOURCE_DB
from drimbox.sandbox.network.keys import NetworkKeys

_START_SECONDS = 10.0
_CONFIGURATION = """
daemon off;
worker_processes 1;
pid {folder}/{name}.pid;
error_log {folder}/{name}.log;
events {{ }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path {folder}/{name}-body;
  proxy_temp_path {folder}/{name}-proxy;
  fastcgi_temp_path {folder}/{name}-fastcgi;
  uwsgi_temp_path {folder}/{name}-uwsgi;
  scgi_temp_path {folder}/{name}-scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_client_certificate {anchors};
    ssl_verify_client on;
    ssl_verify_depth 3;
    location / {{ {content} }}
  }}
}}
"""
_NEXT_HOP = """
      proxy_pass https://127.0.0.1:{port};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffers 16 64k;
      proxy_buffer_size 64k;
      proxy_busy_buffers_size 256k;
      proxy_max_temp_file_size 0;
      proxy_ssl_certificate {certificate};
      proxy_ssl_certificate_key {key};
      proxy_ssl_trusted_certificate {anchors};
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 3;
      proxy_ssl_server_name on;
      proxy_ssl_name {host};
"""


@dataclass(frozen=True, slots=True)
class NginxHops:
    """The way through both; options is what curl needs for the first of them."""

    url: str
    options: Sequence[str]


@asynccontextmanager
async def nginx_hops(keys: NetworkKeys, folder: Path, file: Path) -> AsyncIterator[NginxHops]:
    """Run both for as long as the context lasts; file is what they serve.

    Raises:
        SettingsError: nginx is not installed.
        TimedOut, Unavailable: one does not start.
    """
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if program is None:
        raise SettingsError("nginx", "not installed: apt-get install nginx-light")
    first, second = _free_port(), _free_port()
    client = keys.consumer.peer_client
    anchors = str(keys.full_anchors)
    next_hop = _NEXT_HOP.format(
        port=second,
        certificate=client.certificate_file,
        key=client.key_file,
        anchors=anchors,
        host=SOURCE_DB,
    )
    servers = (
        ("far", second, keys.source.server, f"root {file.parent};"),
        ("near", first, keys.consumer.server, next_hop),
    )
    running = []
    try:
        for name, port, own, content in servers:
            path = folder / f"{name}.conf"
            configuration = _CONFIGURATION.format(
                folder=folder,
                name=name,
                port=port,
                certificate=own.certificate_file,
                key=own.key_file,
                anchors=anchors,
                content=content,
            )
            await asyncio.to_thread(path.write_text, configuration)
            command = (program, "-c", str(path), "-e", str(folder / f"{name}.log"))
            running.append(await asyncio.create_subprocess_exec(*command))
            await _listens(port)
        yield NginxHops(
            f"https://{CONSUMER_DB}:{first}/{file.name}",
            (
                *("--cert", str(keys.program.certificate_file)),
                *("--key", str(keys.program.key_file), "--cacert", anchors),
                *("--connect-to", f"{CONSUMER_DB}:{first}:127.0.0.1:{first}"),
            ),
        )
    finally:
        for process in running:
            process.terminate()
            await process.wait()


async def _listens(port: int) -> None:
    """Wait until something accepts connections there."""
    deadline = asyncio.get_running_loop().time() + _START_SECONDS
    while asyncio.get_running_loop().time() < deadline:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise TimedOut("nginx", _START_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
