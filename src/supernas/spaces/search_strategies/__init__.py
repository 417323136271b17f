"""Ways to look for a good architecture by asking for scores, whatever gives them."""

from supernas.spaces.search_strategies.additive import additive_fit
from supernas.spaces.search_strategies.evolution import regularised_evolution
from supernas.spaces.search_strategies.halving import halving_cost, successive_halving
from supernas.spaces.search_strategies.local import local_search
from supernas.spaces.search_strategies.narrowed import Narrowed
from supernas.spaces.search_strategies.sampling import draw, random_search
from supernas.spaces.search_strategies.strategy import Strategy, best_found

__all__ = [
    "Narrowed",
    "Strategy",
    "additive_fit",
    "best_found",
    "draw",
    "halving_cost",
    "local_search",
    "random_search",
    "regularised_evolution",
    "successive_halving",
]
