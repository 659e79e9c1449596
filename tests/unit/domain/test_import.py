import subprocess
import sys

PRINT_LOADED = """
import sys
before = set(sys.modules)
import hubbub, {module}
for name in sorted(set(sys.modules) - before):
    print(name.partition(".")[0])
"""


def loaded_by(module: str) -> set[str]:
    """The top-level packages that a fresh interpreter loads for this import."""
    run = subprocess.run([sys.executable, "-c", PRINT_LOADED.format(module=module)], capture_output=True, check=True)
    return set(run.stdout.decode().split())


def test_importing_hubbub_loads_the_standard_library_alone() -> None:
    assert loaded_by("hubbub") - sys.stdlib_module_names == {"hubbub"}


def test_the_whole_domain_needs_the_standard_library_alone() -> None:
    modules = "errors events ids members messages permissions rooms texts users"
    domain = ", ".join(f"hubbub.domain.{module}" for module in modules.split())
    assert loaded_by(domain) - sys.stdlib_module_names == {"hubbub"}
