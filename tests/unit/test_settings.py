"""Where settings come from, and what is said of wrong ones."""

import os

import pytest

from hubbub.settings import Settings, UnusableSettings, load_settings, variable


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("HUBBUB_"):
            monkeypatch.delenv(name)


def test_the_environment_beats_the_default_and_an_override_beats_both(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().port == 8000
    monkeypatch.setenv("HUBBUB_PORT", "9000")
    assert load_settings().port == 9000
    assert load_settings({"port": 9001}).port == 9001


def test_a_list_is_words_with_commas_or_spaces_between_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBBUB_CORS_ORIGINS", "https://a.example.org, http://localhost:3000 http://[::1]:8000")
    monkeypatch.setenv("HUBBUB_FORWARDED_ALLOW_IPS", "127.0.0.1,10.0.0.0/8")
    settings = load_settings()
    assert settings.cors_origins == ("https://a.example.org", "http://localhost:3000", "http://[::1]:8000")
    assert settings.forwarded_allow_ips == ("127.0.0.1", "10.0.0.0/8")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "65536"),
        ("port", "eighty"),
        ("registration", "maybe"),
        ("access_token_minutes", "0"),
        ("cors_origins", "chat.example.org"),
        ("cors_origins", "https://chat.example.org/"),
        ("allowed_origins", "https://*.example.org"),
        ("forwarded_allow_ips", "proxy.example.org"),
        ("forwarded_allow_ips", "10.0.0.1/8"),
        ("log_level", "loud"),
        ("docs", "perhaps"),
        ("heartbeat_seconds", "nan"),
        ("drain_seconds", "inf"),
    ],
)
def test_a_wrong_value_is_refused_in_a_sentence_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(variable(name), value)
    with pytest.raises(UnusableSettings, match=rf"^{variable(name)}(\[0\])?: \S+ \S+"):
        load_settings()


def test_all_wrong_values_are_named_at_once() -> None:
    with pytest.raises(UnusableSettings) as refused:
        load_settings({"port": -1, "docs": "perhaps", "nonsense": 1})
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        "HUBBUB_PORT",
        "HUBBUB_DOCS",
        "HUBBUB_NONSENSE",
    ]


def test_a_misspelt_variable_is_refused_with_the_one_that_may_be_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBBUB_REGISTRATON", "closed")
    monkeypatch.setenv("HUBBUB_XYZ", "hunter2")
    monkeypatch.setenv("HUBBUB_PORT", "eighty")
    with pytest.raises(UnusableSettings) as refused:
        load_settings()
    misspelt, unlike, wrong = str(refused.value).splitlines()
    assert misspelt == "HUBBUB_REGISTRATON: there is no such setting; is HUBBUB_REGISTRATION meant?"
    assert unlike == "HUBBUB_XYZ: there is no such setting"
    assert wrong.startswith("HUBBUB_PORT: ")


def test_variables_of_the_launcher_and_of_the_tests_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HUBBUB_PYTHON", "HUBBUB_DEV_OWN_ENVIRONMENT", "HUBBUB_TRANSCRIPT", "HUBBUB_TEST_DATABASE"):
        monkeypatch.setenv(name, "3")
    assert load_settings() == Settings()


def test_proxies_are_addresses_networks_or_all(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in ("::1", "fd00::/8,10.0.0.0/8", "*"):
        monkeypatch.setenv("HUBBUB_FORWARDED_ALLOW_IPS", value)
        assert ",".join(load_settings().forwarded_allow_ips) == value


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1  # type: ignore[misc]


def test_settings_show_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBBUB_SECRET", "hunter2")
    monkeypatch.setenv("HUBBUB_DATABASE_URL", "postgresql://ann:hunter2@localhost/chat")
    settings = load_settings()
    assert "hunter2" not in f"{settings!r} {settings}"
    monkeypatch.setenv("HUBBUB_PORT", "hunter2")
    with pytest.raises(UnusableSettings) as refused:
        load_settings()
    assert "hunter2" not in str(refused.value)


def test_the_defaults_are_within_their_own_bounds() -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    assert load_settings(defaults) == load_settings()
