"""What a step of alpha descends, without making it."""

from types import SimpleNamespace


def alpha_gradient(method, state, train, valid, progress):
    """(validation loss, its gradient in each architecture parameter) of an alternating method; alpha stays."""
    seen, optimiser = [], state.alpha_optimiser

    def change(gradients):
        seen.extend(gradients)
        return gradients

    state.alpha_optimiser = SimpleNamespace(step=lambda: None)
    try:
        metrics = method.update_alpha(state, train, valid, progress, change)
    finally:
        state.alpha_optimiser = optimiser
    return metrics["valid_loss"], tuple(seen)
