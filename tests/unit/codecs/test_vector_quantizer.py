import torch

from semsim.codecs.layers.vector_quantizer import VectorQuantizer


def quantizer(entries: int = 16, dim: int = 4) -> VectorQuantizer:
    torch.manual_seed(0)
    made = VectorQuantizer(entries, dim)
    made.codebook.normal_()
    return made.eval()


def test_the_nearest_entry_by_brute_force() -> None:
    vq = quantizer()
    z = torch.randn(2, 4, 3, 5, generator=torch.Generator().manual_seed(1))
    flat = z.permute(0, 2, 3, 1).reshape(-1, 1, 4)
    brute = (flat - vq.codebook).square().sum(-1).argmin(1).view(2, 3, 5)
    assert torch.equal(vq.nearest(z), brute)
    quantized = vq(z)
    assert torch.equal(quantized.index, brute)
    assert torch.allclose(quantized.z_q, vq.look_up(brute), atol=1e-6)


def test_gradients_pass_straight_through() -> None:
    vq = quantizer()
    z = torch.randn(1, 4, 2, 2, requires_grad=True)
    vq(z).z_q.sum().backward()
    assert torch.equal(z.grad, torch.ones_like(z))


def test_training_finds_the_centres_of_clusters() -> None:
    generator = torch.Generator().manual_seed(2)
    centres = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 3.0], [0.0, -3.0]])
    vq = VectorQuantizer(4, 2, decay=0.9).train()
    vq.started.fill_(True)
    vq.codebook.copy_(centres + 0.5)
    vq.total.copy_(vq.codebook)
    for _ in range(80):
        which = torch.randint(4, (256,), generator=generator)
        points = centres[which] + 0.1 * torch.randn(256, 2, generator=generator)
        vq(points.t().reshape(1, 2, 16, 16), generator)
    distance = torch.cdist(centres, vq.codebook).amin(1)
    # A centre is a mean of about 64·10 points of standard deviation 0.1.
    assert distance.max() < 0.05


def test_dead_entries_are_revived_onto_the_data() -> None:
    vq = VectorQuantizer(8, 2, decay=0.5).train()
    vq.started.fill_(True)
    vq.codebook.copy_(torch.full((8, 2), 100.0))
    vq.total.copy_(vq.codebook)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        vq(torch.rand(4, 2, 8, 8, generator=generator), generator)
    assert vq.codebook.max() < 1.5


def test_bits_of_an_index() -> None:
    assert [VectorQuantizer(n, 1).bits for n in (2, 3, 512, 513)] == [1, 2, 9, 10]
