import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from semsim import registry
from semsim.config import PluginConfig
from semsim.errors import RegistryError


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch):
    """Pretend that entry points are installed."""

    def install(*points: EntryPoint) -> None:
        registry.plugins.cache_clear()
        found = EntryPoints(points)
        monkeypatch.setattr(
            registry, "_installed", lambda room: found.select(group=f"semsim.{room}")
        )

    yield install
    registry.plugins.cache_clear()


@pytest.mark.parametrize("room", registry.ROOMS)
def test_every_built_in_loads_and_belongs_to_its_room(room: str) -> None:
    for plugin in registry.plugins(room).values():
        config = plugin.load_config()
        assert issubclass(config, PluginConfig)
        assert config.room == room
        assert config.model_fields["kind"].default == plugin.name
        assert plugin.load_target().Config is config
        assert plugin.summary


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(RegistryError, match="unknown kind 'rayligh'; did you mean 'rayleigh'"):
        registry.find("channels", "rayligh")


def test_a_taken_name_is_refused(installed) -> None:
    installed(EntryPoint("ftsc", "somewhere:Else", "semsim.codecs"))
    with pytest.raises(RegistryError, match="'ftsc' is taken twice"):
        registry.plugins("codecs")


def test_a_broken_plugin_is_named_only_when_used(installed) -> None:
    installed(EntryPoint("broken", "no_such_module:Thing", "semsim.codecs"))
    assert "broken" in registry.plugins("codecs")
    with pytest.raises(RegistryError, match="cannot load no_such_module:Thing"):
        registry.find("codecs", "broken").load_config()
    assert "no_such_module" not in sys.modules
