"""Ways to look for a good architecture by asking for scores, whatever gives them."""

from supernas.spaces.search_strategies.evolution import regularised_evolution
from supernas.spaces.search_strategies.halving import successive_halving
from supernas.spaces.search_strategies.sampling import draw, random_search
from supernas.spaces.search_strategies.strategy import Strategy, best_found

__all__ = ["Strategy", "best_found", "draw", "random_search", "regularised_evolution", "successive_halving"]
