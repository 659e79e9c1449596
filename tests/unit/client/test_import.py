import subprocess
import sys

SERVER = [
    *("fastapi", "starlette", "uvicorn", "sqlalchemy", "alembic", "pydantic", "joserfc", "pwdlib"),
    *("hubbub.services", "hubbub.stores", "hubbub.realtime", "hubbub.web", "hubbub.security", "hubbub.compose"),
]


def test_the_sdk_loads_nothing_of_the_server() -> None:
    script = "import sys, hubbub.client; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    loaded = run.stdout.split()
    assert "hubbub.client.chat" in loaded
    assert [name for name in SERVER if name in loaded] == []
