"""The chat server of a tutorial, on hubbub's own journal: what the fan-out benchmark compares with.

    python -m benchmarks.naive FOLDER

A set of sockets for each room, and `await websocket.send_json(…)` to one after the other.
"""

import asyncio
import socket
import sys
from collections import defaultdict
from pathlib import Path

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from benchmarks.world import open_chat
from hubbub.domain.ids import RoomId
from hubbub.services.changes import Draft


async def serve(folder: Path, listener: socket.socket) -> None:
    chat, store, hasher = open_chat(folder)
    app = FastAPI()
    rooms: dict[int, set[WebSocket]] = defaultdict(set)

    @app.websocket("/ws/chat/{room_id}")
    async def talk(websocket: WebSocket, room_id: int) -> None:
        await websocket.accept()
        identity = await chat.accounts.authenticate(websocket.headers["authorization"].removeprefix("Bearer "))
        joined = await chat.logs.join(identity.user_id, RoomId(room_id))
        await websocket.send_json({"type": "joined", "room_id": room_id, "head": joined.head}, mode="text")
        rooms[room_id].add(websocket)
        try:
            while True:
                frame = await websocket.receive_json()
                posted = await chat.messages.post(identity.user_id, RoomId(room_id), Draft(frame["text"]))
                message = posted.message
                event = {"type": "event", "seq": message.seq, "user_id": message.user_id, "text": message.text}
                for other in list(rooms[room_id]):
                    await other.send_json(event)
        except WebSocketDisconnect:
            rooms[room_id].discard(websocket)

    config = uvicorn.Config(app, log_level="warning", ws="websockets-sansio", ws_per_message_deflate=False)
    try:
        await uvicorn.Server(config).serve(sockets=[listener])
    finally:
        await chat.close()
        await store.close()
        await hasher.close()


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(f"port {listener.getsockname()[1]}", flush=True)
    with listener:
        asyncio.run(serve(Path(sys.argv[1]), listener))


if __name__ == "__main__":
    main()
