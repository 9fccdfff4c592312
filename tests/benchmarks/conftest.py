import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Pictures of a test are unpacked into its own folder; the caller's data sets are out of sight."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("MTRL_JUDGE_DATA", raising=False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
