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


def test_the_codebook_s_own_term_pulls_entries_and_nothing_else() -> None:
    vq = quantizer(entries=8)
    vq.learn_by_gradient()
    z = torch.randn(1, 4, 6, 5, generator=torch.Generator().manual_seed(3), requires_grad=True)
    quantized = vq(z)
    quantized.attraction.backward()
    assert z.grad is None
    # d/de mean ‖sg[z] − e‖² is 2/N times the sum of e − z over what chose e (N values in all).
    expected = torch.zeros(8, 4)
    flat, index = z.detach().permute(0, 2, 3, 1).reshape(-1, 4), quantized.index.flatten()
    for vector, chosen in zip(flat, index.tolist(), strict=True):
        expected[chosen] += 2 * (vq.codebook.detach()[chosen] - vector) / z.numel()
    assert torch.allclose(vq.codebook.grad, expected, atol=1e-6)
    vq.codebook.grad = None
    vq(z).commitment.backward()
    assert vq.codebook.grad is None
    assert z.grad is not None


def test_gradient_descent_finds_what_averages_find() -> None:
    generator = torch.Generator().manual_seed(2)
    centres = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 3.0], [0.0, -3.0]])
    vq = VectorQuantizer(4, 2).train()
    vq.codebook.copy_(centres + 0.5)
    vq.learn_by_gradient()
    optimiser = torch.optim.SGD(vq.parameters(), lr=1.0)
    for _ in range(80):
        which = torch.randint(4, (256,), generator=generator)
        points = centres[which] + 0.1 * torch.randn(256, 2, generator=generator)
        optimiser.zero_grad()
        vq(points.t().reshape(1, 2, 16, 16), generator).attraction.backward()
        optimiser.step()
    distance = torch.cdist(centres, vq.codebook.detach()).amin(1)
    # Each step goes a quarter of the way to the mean of about 64 points of deviation 0.1, so that
    # the last few steps leave √(1/7)·0.1/8 a coordinate.
    assert distance.max() < 0.05


def test_dead_entries_are_revived_where_gradients_teach_too() -> None:
    vq = VectorQuantizer(8, 2, decay=0.5).train()
    vq.codebook.copy_(torch.full((8, 2), 100.0))
    vq.learn_by_gradient()
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        found = vq(torch.rand(4, 2, 8, 8, generator=generator), generator)
    assert vq.codebook.max() < 1.5
    assert found.perplexity > 6


def test_the_names_of_the_weights_do_not_depend_on_how_they_learn() -> None:
    averages, gradient = quantizer(), quantizer()
    gradient.learn_by_gradient()
    assert averages.state_dict().keys() == gradient.state_dict().keys() == {"codebook"}
    assert not [*averages.parameters()]
    assert len([*gradient.parameters()]) == 1
    averages.load_state_dict(gradient.state_dict())


def test_a_loaded_codebook_goes_on_from_where_it_is() -> None:
    generator = torch.Generator().manual_seed(0)
    vq = quantizer().train()
    before = vq.codebook.clone()
    z = vq.look_up(torch.randint(16, (8, 32, 32), generator=generator))
    found = vq(z + 0.001 * torch.randn(z.shape, generator=generator), generator)
    # 512 vectors an entry, each 0.001 off, and a hundredth of the way: nothing moves.
    assert torch.allclose(vq.codebook, before, atol=1e-4)
    assert found.perplexity > 15
