import pytest
import torch

from semsim.channels.config import AwgnConfig
from semsim.channels.devices import check_device
from semsim.errors import DeviceError
from semsim.link.config import ModemConfig
from semsim.link.modem import DigitalModem


def test_cpu_is_always_there() -> None:
    assert check_device("cpu") == torch.device("cpu")
    assert check_device(torch.device("cpu")) == torch.device("cpu")


def test_cuda_gets_its_index(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 1)
    assert check_device("cuda") == torch.device("cuda:1")
    assert check_device("cuda:0") == torch.device("cuda:0")


@pytest.mark.parametrize("device", ["cuda:99", "gpu", "", "mps"])
def test_unknown_device_names_those_that_exist(device: str) -> None:
    for make in (check_device, AwgnConfig().build, lambda d: DigitalModem(ModemConfig(), d)):
        with pytest.raises(DeviceError, match=r"no device .* \(it has: cpu"):
            make(device)
