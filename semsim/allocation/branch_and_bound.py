"""P1 solved by branch and bound: slow, with an upper bound that holds whether or not P1 is concave.

Slower sending needs less bandwidth, power and energy, so that every user may take the time
τ = min(T, deadline) - t_0 + κρ that the delay leaves. What remains is a choice of T, ρ and shares.
A *node* is an interval [T', T''] of T with an interval of ρ for each user. For any prices μ, ν >= 0
of bandwidth and power, weak duality and the tangent of :mod:`semsim.allocation.relaxation` give

    U <= const + μ b_max + ν p_max - λ_2 T + Σ max over ρ of [F(ρ) - (T'' - T) ρ s]

for every T in the node, with F and s taken at T''. The right-hand side is convex in T, hence
largest at T' or T''; its maxima over ρ, one user each, are found by interval subdivision. Nothing
is assumed of the problem, and no code is shared with any other solver.

The prices of a node are those at which exactly the bandwidth and the power that there are would be
bought at T''. With them the error of the bound is of second order in T'' - T', and what is bought
is an allocation that meets the bound at T'', up to a duality gap. There is none unless a user's
best ρ jumps as prices move: then no prices clear, and the ρ of a user is divided instead of T.

Gaps are real where computing dominates. Let two equal users have t_0 = 1 s, κ = 0.9 s, ρ_max = 1
and together a rate of 1.2 D a second: if delay costs much, one should send at ρ_max, which saves
it computing time, and the other next to nothing. Some hundreds to thousands of nodes settle a few
such users, and their number grows quickly with N. Elsewhere 40 to 100 nodes will do for any N.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from semsim.allocation.config import BranchAndBoundConfig
from semsim.allocation.limits import refuse_levels, refuse_worthless
from semsim.allocation.problem import Problem, check_gain
from semsim.allocation.relaxation import FREE, Index, Mask, Users, exponent, falling_root
from semsim.allocation.terms import Terms
from semsim.errors import AllocationError
from semsim.types import Allocation, Array, DownlinkState

#: Nodes that are bounded at a time.
_BATCH = 64
#: The first intervals of T shrink by halves towards the least T.
_FIRST = 0.5 ** np.arange(10, -1, -1)
#: Where the ρ of a user is looked at, and may be divided, in shares of its interval.
_SHARES = (np.arange(1, 65) / 64) ** 2
#: Prices of a node are improved at most so often.
_REPRICINGS = 2
#: Demand over supply, as a logarithm, that is not a matter of accuracy any more.
_JUMP = 0.01
#: Rounding of a sum of a few terms, relative to these.
_EPSILON = 32 * np.finfo(np.float64).eps
#: Relative excess over a deadline that passes as rounding.
_ROUNDING = 1e-9


class BranchAndBound:
    """The slow solver, drop by drop.

    ``Allocation.info`` holds, by drop (``[...]``): ``upper_bound`` (no allocation has a larger
    utility), ``gap`` (upper bound minus utility, at most ``tolerance`` where converged), ``nodes``
    and ``status`` (``converged``, or ``max_nodes`` where that limit came first).

    Args:
        config: when to stop.
        problem: utility and budget.
        rng: not used; every allocator is built from the same three arguments.
    """

    Config = BranchAndBoundConfig

    def __init__(
        self,
        config: BranchAndBoundConfig,
        problem: Problem,
        rng: np.random.Generator,  # noqa: ARG002
    ) -> None:
        self.config, self.problem = config, problem

    def allocate(self, state: DownlinkState) -> Allocation:
        """Solve every drop.

        Raises:
            AllocationError: if ``state`` has no users or a gain is not positive, the modem has
                levels, or the problem has no solution (see :func:`solve`); the message names the
                drop and the remedy.
        """
        check_gain(state)
        drops = state.gain.shape[:-1]
        rho, b_hz, p_w = (np.empty(state.gain.shape) for _ in range(3))
        upper_bound, gap = np.empty(drops), np.empty(drops)
        nodes, status = np.empty(drops, dtype=np.int64), np.empty(drops, dtype="<U9")
        for drop in np.ndindex(drops):
            terms = self.problem.terms(state.gain[drop])
            refuse_levels(terms, self.config.kind)
            try:
                found = solve(terms, self.config.tolerance, self.config.max_nodes)
            except AllocationError as error:
                raise AllocationError(f"drop {drop}: {error}") from error
            rho[drop], b_hz[drop], p_w[drop] = found.rho, found.b_hz, found.p_w
            upper_bound[drop], gap[drop] = found.upper_bound, found.upper_bound - found.utility
            nodes[drop], status[drop] = found.nodes, found.status
        info: dict[str, object] = {
            "upper_bound": upper_bound,
            "gap": gap,
            "nodes": nodes,
            "status": status,
        }
        return Allocation(rho, b_hz, p_w, info)


@dataclass(frozen=True)
class Solution:
    """What branch and bound found for one drop.

    Attributes:
        rho: ``[N]``.
        b_hz: ``[N]``.
        p_w: ``[N]``.
        utility: U of these.
        upper_bound: U of no allocation is larger.
        nodes: how many were bounded.
        status: ``converged`` or ``max_nodes``.
    """

    rho: Array
    b_hz: Array
    p_w: Array
    utility: float
    upper_bound: float
    nodes: int
    status: str


@dataclass(frozen=True)
class _Nodes:
    """Boxes of (T, ρ), one a row.

    Attributes:
        early_s: T' ``[M]``.
        late_s: T'' ``[M]``.
        low: least ρ ``[M, N]``.
        high: largest ρ ``[M, N]``.
        ln_mu: logarithm of the price of bandwidth ``[M]``.
        ln_nu: logarithm of the price of power ``[M]``, minus infinity where it is free.
        bound: upper bound of U ``[M]``.
        length_error: by how much the bound may fall if T' comes closer to T'', ``[M]``.
        price_error: by how much it may fall otherwise, ``[M]``.
    """

    early_s: Array
    late_s: Array
    low: Array
    high: Array
    ln_mu: Array
    ln_nu: Array
    bound: Array
    length_error: Array
    price_error: Array

    def __getitem__(self, index: Index | Mask) -> _Nodes:
        return _Nodes(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def __add__(self, other: _Nodes) -> _Nodes:
        pairs = ((getattr(self, n), getattr(other, n)) for n in self.__dataclass_fields__)
        return _Nodes(*(np.concatenate(pair) for pair in pairs))


def solve(terms: Terms, tolerance: float, max_nodes: int) -> Solution:
    """Maximise U of one drop, arrays ``[N]``.

    Args:
        terms: the problem.
        tolerance: stop where bound and utility are so close.
        max_nodes: stop after so many nodes in any case.

    Raises:
        AllocationError: if there is no solution: time is free for a user without a deadline, a
            user's quality is worth nothing although it may be sent nothing, a user's computing
            grows with ρ, or the deadlines cannot be met. The message names the user and the remedy.
    """
    refuse_worthless(terms)
    if (terms.kappa_s < 0).any():
        raise AllocationError(
            f"the computing of user {int((terms.kappa_s < 0).argmax())} grows with ρ, which the "
            "intervals of branch_and_bound do not cover; use `allocator: {kind: exact}`"
        )
    unlimited = np.isinf(terms.deadline_s)
    if terms.lambda_delay == 0 and unlimited.any():
        raise AllocationError(
            f"lambda_delay is 0 and user {int(unlimited.argmax())} has no deadline, so sending it "
            "ever more slowly is best; set lambda_delay above 0, or a deadline for every user"
        )
    with np.errstate(all="ignore"):  # users without time or power have infinite prices
        return _Search(terms, tolerance).run(max_nodes)


class _Search:
    """The tree of one drop, and the best allocation that was met in it.

    Args:
        terms: the problem.
        tolerance: how close bound and utility must come.

    Raises:
        AllocationError: if the deadlines cannot be met.
    """

    def __init__(self, terms: Terms, tolerance: float) -> None:
        self.terms, self.tolerance = terms, tolerance
        self.users = terms.shape[-1]
        self.saving = terms.lambda_energy * terms.compute_power_w * terms.kappa_s
        self.nats = terms.bits * np.log(2)
        at_rest = terms.lambda_energy * (terms.compute_power_w * terms.t0_s).sum()
        self.base = terms.constant - float(at_rest)
        # Each user's maximum over ρ may be off by so much.
        self.slack = tolerance / (20 * self.users)
        # Prices count in those at which all worth would go into one resource.
        worth = float(terms.worth.sum()) or 1.0
        self.mu, self.nu = worth / terms.bandwidth_hz, worth / terms.power_w
        self.utility = -np.inf
        nothing = np.full(self.users, np.nan)
        self.best = nothing, nothing, nothing  # ρ, b, p

    def run(self, max_nodes: int) -> Solution:
        """Bound and divide the nodes, largest bounds first, until none could hold a better one."""
        nodes, closed, count = self._roots(), -np.inf, 0
        while nodes.bound.size and count < max_nodes:
            order = np.argsort(-nodes.bound, kind="stable")
            first, rest = np.split(order, [min(_BATCH, max_nodes - count)])
            count += first.size
            nodes = self._bound(nodes[first]) + nodes[rest]
            hopeful = self._hopeful(nodes.bound)
            closed = nodes.bound[~hopeful].max(initial=closed)
            new = np.arange(nodes.bound.size) < first.size
            nodes = self._divide(nodes[hopeful & new]) + nodes[hopeful & ~new]
        # What no node covers is no better than the first allocation, hence than the best.
        upper_bound = float(nodes.bound.max(initial=max(closed, self.utility)))
        status = "max_nodes" if nodes.bound.size else "converged"
        return Solution(*self.best, self.utility, upper_bound, count, status)

    def _hopeful(self, bound: Array) -> Mask:
        """Tell the nodes that may hold a better allocation."""
        hopeful: Mask = bound > self.utility + self.tolerance
        return hopeful

    def _left_s(self, late_s: Array) -> Array:
        """Return t = min(T, deadline) - t_0 ``[M, N]``."""
        left: Array = np.minimum(late_s[:, None], self.terms.deadline_s) - self.terms.t0_s
        return left

    def _at(self, left_s: Array, ln_mu: Array, ln_nu: Array) -> Users:
        """Return the users ``[M · N]`` at prices ``[M]``."""
        terms, each = self.terms, np.ones_like(left_s)
        return Users(
            worth=(each * terms.worth).ravel(),
            saving=(each * self.saving).ravel(),
            kappa_s=(each * terms.kappa_s).ravel(),
            left_s=left_s.ravel(),
            nats=(each * self.nats).ravel(),
            noise_over_gain=(each * terms.noise_over_gain_w_per_hz).ravel(),
            lambda_energy=terms.lambda_energy,
            mu=(each * self.mu * np.exp(ln_mu)[:, None]).ravel(),
            nu=(each * self.nu * np.exp(ln_nu)[:, None]).ravel(),
        )

    def _bound(self, nodes: _Nodes) -> _Nodes:
        """Bound ``nodes``, and look for allocations in them.

        Inherited prices will do as long as they cost less than the length of a node.
        """
        nodes = self._bound_at_prices(nodes)
        for _ in range(_REPRICINGS):
            rough = self._hopeful(nodes.bound) & (nodes.price_error > nodes.length_error)
            nodes = nodes[~rough] + self._bound_at_prices(nodes[rough])
        return nodes

    def _bound_at_prices(self, nodes: _Nodes) -> _Nodes:
        """Bound ``nodes`` at their prices, and move these on; the order of nodes may change."""
        delay, length_s = self.terms.lambda_delay, nodes.late_s - nodes.early_s
        left_s = self._left_s(nodes.late_s)
        users = self._at(left_s, nodes.ln_mu, nodes.ln_nu)
        box = nodes.low.ravel(), nodes.high.ravel()
        top, rho = users.best(*box, self.slack)
        late = self._dual(users, top) - delay * nodes.late_s
        # The tangent errs by the square of the length, so that its maximum may do so, too.
        slack = self.slack + 0.02 / self.users * delay * length_s**2 / nodes.late_s
        lead_s = left_s - self._left_s(nodes.early_s)
        top, _ = users.best(*box, np.repeat(slack, self.users), lead_s.ravel())
        early = self._dual(users, top) - delay * nodes.early_s
        own = np.minimum(np.maximum(late, early), late + delay * length_s)
        nodes = replace(nodes, bound=np.minimum(own, nodes.bound), length_error=own - late)
        live = self._hopeful(nodes.bound)
        return nodes[~live] + self._clear(nodes[live], rho.reshape(left_s.shape)[live], late[live])

    def _clear(self, nodes: _Nodes, rho: Array, late: Array) -> _Nodes:
        """Move prices to where no more bandwidth and power is bought than there is at T''.

        Args:
            nodes: ``[M]``.
            rho: best at the nodes' prices, ``[M, N]``; followed as a local maximum.
            late: bounds of U at T'' with the nodes' prices, ``[M]``.

        Returns:
            the nodes with new prices, and ``price_error``: by how much ``late`` was above the
            utility of what is bought at these.
        """
        terms, rho = self.terms, rho.copy()
        left_s = self._left_s(nodes.late_s)
        ln_mu, over, bought_w = nodes.ln_mu.copy(), np.empty(late.size), np.empty(late.size)

        def bandwidth(ln_mu: Array, ln_nu: Array, rows: Index) -> Array:
            users = self._at(left_s[rows], ln_mu, ln_nu)
            box = nodes.low[rows].ravel(), nodes.high[rows].ravel()
            local = users.climb(rho[rows].ravel(), *box)
            rho[rows] = local.reshape(-1, self.users)
            # Where nothing better can be bought, any price will do.
            dual = self._dual(users, users.payoff(local, users.charge(local)[0]))
            settled = ~self._hopeful(dual - terms.lambda_delay * nodes.early_s[rows])
            b_hz, p_w = (values.reshape(-1, self.users).sum(-1) for values in users.demand(local))
            bought_w[rows] = np.where(settled, terms.power_w, p_w)
            over[rows] = np.log(np.where(settled, 1.0, b_hz / terms.bandwidth_hz))
            return over[rows]

        def power(ln_nu: Array, rows: Index) -> Array:
            ln_mu[rows] = falling_root(
                lambda x, part: bandwidth(x, ln_nu[part], rows[part]), ln_mu[rows]
            )
            # Where demand for bandwidth jumps past what there is, no price of power mends it.
            jumps = (np.abs(over[rows]) > _JUMP) & (ln_mu[rows] > FREE)
            return np.where(jumps, 0.0, np.log(bought_w[rows] / terms.power_w))

        ln_nu, free = nodes.ln_nu.copy(), np.flatnonzero(np.isinf(nodes.ln_nu))
        ln_nu[free[power(ln_nu[free], free) > 0]] = 0.0
        short = np.flatnonzero(np.isfinite(ln_nu))
        ln_nu[short] = falling_root(lambda x, part: power(x, short[part]), ln_nu[short])
        b_hz = self._at(left_s, ln_mu, ln_nu).demand(rho.ravel())[0].reshape(rho.shape)
        utility = self._offer(rho, b_hz, left_s + terms.kappa_s * rho)
        return replace(nodes, ln_mu=ln_mu, ln_nu=ln_nu, price_error=late - utility)

    def _divide(self, nodes: _Nodes) -> _Nodes:
        """Halve nodes along T where length keeps their bound up, along a user's ρ elsewhere."""
        long = (nodes.length_error >= nodes.price_error) & (nodes.late_s > nodes.early_s)
        gap = nodes[~long]
        users = self._at(self._left_s(gap.late_s), gap.ln_mu, gap.ln_nu)
        return _halve_time(nodes[long]) + _halve_rho(gap, users)

    def _dual(self, users: Users, top: Array) -> Array:
        """Return the dual function ``[M]``, but for λ_2 T, from its maxima over ρ ``[M · N]``."""
        spent = users.mu * self.terms.bandwidth_hz + users.nu * self.terms.power_w
        spent, top = spent[:: self.users], top.reshape(-1, self.users).sum(-1)
        # Where prices are high, the two cancel: round upwards.
        rounding = _EPSILON * (abs(self.base) + spent + np.where(np.isfinite(top), abs(top), 0.0))
        total: Array = self.base + spent + top + rounding
        return total

    def _offer(self, rho: Array, b_hz: Array, tau_s: Array) -> Array:
        """Keep the best of some allocations that are to be on the air for ``tau_s``.

        All bandwidth is handed out, in the proportions asked for. Where the power is not there,
        sending takes longer.

        Args:
            rho: ``[M, N]``.
            b_hz: ``[M, N]``, up to a factor.
            tau_s: ``[M, N]``.

        Returns:
            U ``[M]``, minus infinity where a deadline is missed.
        """
        terms = self.terms
        noise = terms.noise_over_gain_w_per_hz
        b_hz = b_hz * (terms.bandwidth_hz / b_hz.sum(-1, keepdims=True))
        p_w = b_hz * noise * np.expm1(rho * self.nats / (tau_s * b_hz))
        p_w *= np.minimum(1.0, terms.power_w / p_w.sum(-1, keepdims=True))
        delay_s = terms.delay_s(rho, b_hz, p_w)
        in_time = (delay_s <= terms.deadline_s * (1 + _ROUNDING)).all(-1)
        utility: Array = np.where(in_time, terms.utility(rho, b_hz, p_w), -np.inf)
        if utility.max(initial=-np.inf) > self.utility:
            best = int(utility.argmax())
            self.utility, self.best = float(utility[best]), (rho[best], b_hz[best], p_w[best])
        return utility

    def _roots(self) -> _Nodes:
        """Cover every T that may be best by intervals."""
        terms = self.terms
        least_s = terms.t0_s - terms.kappa_s * terms.rho_max
        late = least_s >= terms.deadline_s
        if late.any():
            user = int(late.argmax())
            raise AllocationError(
                f"user {user} computes for {least_s[user]:.3g} s at least, but its deadline is "
                f"{terms.deadline_s[user]:.3g} s; extend it, or compute faster"
            )
        first_s, last_s = float(least_s.max()), float(terms.deadline_s.max())
        self._start(first_s, last_s)
        quality = terms.worth * np.log(terms.rho_max) + self.saving * terms.rho_max
        most = self.base + float(quality.sum())  # with nothing spent on the air
        edges_s = np.array([last_s, last_s])  # where delay is free, all of it is taken
        if terms.lambda_delay > 0:
            last_s = min(last_s, (most - self.utility) / terms.lambda_delay)
            inner_s = terms.deadline_s[(terms.deadline_s > first_s) & (terms.deadline_s < last_s)]
            edges_s = np.unique([first_s, *(first_s + (last_s - first_s) * _FIRST), *inner_s])
        early_s, late_s = edges_s[:-1], edges_s[1:]
        return _Nodes(
            early_s=early_s,
            late_s=late_s,
            low=np.tile(terms.rho_min, (late_s.size, 1)),
            high=np.tile(terms.rho_max, (late_s.size, 1)),
            ln_mu=np.zeros(late_s.size),
            # Where energy is free, all power is bought.
            ln_nu=np.full(late_s.size, -np.inf if terms.lambda_energy > 0 else 0.0),
            bound=most - terms.lambda_delay * early_s,
            length_error=np.zeros(late_s.size),
            price_error=np.zeros(late_s.size),
        )

    def _start(self, first_s: float, last_s: float) -> None:
        """Look for a first allocation, which limits T.

        Raises:
            AllocationError: if the deadlines cannot be met.
        """
        terms, left_s = self.terms, self.terms.deadline_s - self.terms.t0_s
        # The least rate that a deadline allows, with all the time there is.
        safe = np.where(left_s > 0, terms.rho_min, terms.rho_max)
        tau_s = left_s + terms.kappa_s * safe
        _, p_w = self._least_power(np.where(np.isinf(tau_s), 0.0, safe * self.nats / tau_s)[None])
        if p_w.sum() > terms.power_w * (1 + _ROUNDING):
            user = int(p_w.argmax())
            raise AllocationError(
                f"the deadlines take {p_w.sum():.3g} W at least, and the cell has "
                f"{terms.power_w:.3g} W; most ({p_w.max():.3g} W) is for user {user}, whose "
                f"deadline is {terms.deadline_s[user]:.3g} s: extend it, or add bandwidth or power"
            )
        # From the largest ρ to the least rate, and from the least T to the largest.
        shares = 0.5 ** np.arange(24)
        rho = safe + (terms.rho_min + terms.rho_max - 2 * safe) * shares[:, None]
        span_s = float((self.nats * terms.rho_max).sum()) / terms.bandwidth_hz
        late_s = np.minimum(first_s + span_s * 4.0 ** np.arange(-6, 12), last_s)
        tau_s = (self._left_s(late_s)[:, None] + terms.kappa_s * rho).reshape(-1, self.users)
        rho = np.tile(rho, (late_s.size, 1))
        rho, tau_s = (values[(tau_s > 0).all(-1)] for values in (rho, tau_s))
        self._offer(rho, self._least_power(rho * self.nats / tau_s)[0], tau_s)
        if self.utility == -np.inf:
            raise AllocationError(
                "the deadlines can only just be met, by no allocation that was found; extend them"
            )

    def _least_power(self, nats_per_s: Array) -> tuple[Array, Array]:
        """Return the bandwidths and powers ``[M, N]`` of least Σp for given rates."""
        noise = self.terms.noise_over_gain_w_per_hz

        def widths(ln_mu: Array, rows: Index) -> Array:
            # The dual at λ_3 = 0 and ν = 1.
            x = exponent(np.exp(ln_mu)[:, None] * noise.max() / noise)
            b_hz: Array = nats_per_s[rows] / x
            return b_hz

        def excess(ln_mu: Array, rows: Index) -> Array:
            over: Array = np.log(widths(ln_mu, rows).sum(-1) / self.terms.bandwidth_hz)
            return over

        start = np.zeros(len(nats_per_s))
        b_hz = widths(falling_root(excess, start), np.arange(start.size))
        x = np.where(nats_per_s > 0, nats_per_s / b_hz, 0.0)
        return b_hz, b_hz * noise * np.expm1(x)


def _halve_time(nodes: _Nodes) -> _Nodes:
    middle_s = (nodes.early_s + nodes.late_s) / 2
    return replace(nodes, late_s=middle_s) + replace(nodes, early_s=middle_s)


def _halve_rho(nodes: _Nodes, users: Users) -> _Nodes:
    """Divide the ρ of the user whose gain is farthest from a concave function of the cost.

    Only where a gain is convex can there be a duality gap. It is about an eighth of the range of
    the cost times the amount by which marginal gains rise within it.

    Args:
        nodes: ``[M]``.
        users: their users at their prices, ``[M · N]``.
    """
    low, high = nodes.low.reshape(-1, 1), nodes.high.reshape(-1, 1)
    rho = low + (high - low) * _SHARES  # [M N, shares]
    each = users[np.repeat(np.arange(rho.shape[0]), _SHARES.size)]
    w, _, _ = each.charge(rho.ravel())
    cost = rho * w.reshape(rho.shape)
    gain = each.payoff(rho.ravel(), w).reshape(rho.shape) + cost
    rises = np.nan_to_num(np.maximum(np.diff(np.diff(gain) / np.diff(cost)), 0.0), posinf=0.0)
    cost = np.where(np.isfinite(cost), cost, cost[:, -1:])
    least, most = cost.min(-1), cost.max(-1)
    bend = (rises.sum(-1) * (most - least)).reshape(nodes.low.shape)
    bend += _EPSILON * (nodes.high - nodes.low)  # the widest, where all are concave
    row, user = np.arange(bend.shape[0]), bend.argmax(-1)
    at = np.ravel_multi_index((row, user), bend.shape)
    middle = np.abs(cost[at] - (least + most)[at, None] / 2)[:, :-1].argmin(-1)  # of the cost
    upper, lower = nodes.high.copy(), nodes.low.copy()
    upper[row, user] = lower[row, user] = rho[at, middle]
    return replace(nodes, high=upper) + replace(nodes, low=lower)
