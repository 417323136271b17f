"""Writes files in the layout of the official benchmarks, with made-up accuracies."""

from collections import OrderedDict

import numpy as np

SPLITS = {
    "cifar10-valid": ("x-valid", "ori-test"),
    "cifar10": ("ori-test",),
    "cifar100": ("x-valid", "x-test", "ori-test"),
    "ImageNet16-120": ("x-valid", "x-test", "ori-test"),
}


def result(dataset, seed, epochs, base):
    """A result whose accuracy is base + epoch / 1000; at 200 epochs test halves are known at the end only."""
    accuracies = {}
    for number, split in enumerate(SPLITS[dataset]):
        known = [epochs - 1] if epochs == 200 and split in ("x-valid", "x-test") else range(epochs)
        accuracies |= {f"{split}@{epoch}": base + number + epoch / 1000 for epoch in known}
    return {
        "name": dataset,
        "net_state_dict": None,
        "train_acc1es": {epoch: np.float64(base + 5 + epoch / 1000) for epoch in range(epochs)},
        "train_acc5es": None,
        "train_losses": {},
        "train_times": {},
        "arch_config": {},
        "params": np.float64(0.802426),
        "flop": 113.95137,
        "seed": f"{seed:04d}",
        "epochs": epochs,
        "latency": [np.float64(0.01)],
        "eval_names": list(SPLITS[dataset]),
        "eval_acc1es": accuracies,
        "eval_times": {},
        "eval_losses": {},
    }


def state(space, index, epochs, seeds):
    """The state of an architecture after one length of training."""
    return {
        "arch_index": index,
        "arch_str": space.format(space[index]),
        "all_results": OrderedDict(
            ((dataset, seed), result(dataset, seed, epochs, 10.0 + index % 7 + seed / 100))
            for dataset in SPLITS
            for seed in seeds
        ),
        "dataset_seed": {dataset: list(seeds) for dataset in SPLITS},
        "clear_net_done": True,
    }


def single_file(space, indices, names=("less", "full")):
    """All in one object, as in the `.pth` (`less`, `full`) and the single NATS file (`12`, `200`)."""
    short, long = names
    return {
        "meta_archs": [space.format(architecture) for architecture in space],
        "total_archs": len(space),
        "arch2infos": {
            index: {short: state(space, index, 12, [111]), long: state(space, index, 200, [777, 888])}
            for index in indices
        },
        "evaluated_indexes": set(indices) if names[0] == "12" else list(indices),
    }
