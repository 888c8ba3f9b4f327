import pytest
import torch

from semsim.codecs.pairs import to_features, to_symbols


@pytest.mark.parametrize("count", [6, 7])
def test_pairs_come_back_at_unit_power(count: int) -> None:
    features = torch.randn(3, count, generator=torch.Generator().manual_seed(0))
    symbols = to_symbols(features)
    assert symbols.shape == (3, (count + 1) // 2)
    assert symbols[1, 1] == torch.complex(features[1, 2], features[1, 3])
    sent = symbols / symbols.abs().square().mean(dim=1, keepdim=True).sqrt()
    back = to_features(sent, count)
    # Symbols of unit mean power hold 2n numbers of mean square one.
    energy = features.square().sum(dim=1, keepdim=True) / (2 * symbols.shape[1])
    torch.testing.assert_close(back, features / energy.sqrt())
