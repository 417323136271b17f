"""What a user writes, as a strict type checker reads it; it is never run. What ends in `wrong` must be flagged."""

from pathlib import Path

import numpy as np

import supernas

inputs, targets = np.zeros((8, 1, 8, 8), dtype=np.float32), np.zeros(8, dtype=np.int64)
table = Path("nb201.safetensors")


def names(folder: Path) -> str:
    found = supernas.search(method="e2nas", data="digits", preset="demo", seed=0, out=folder, max_flops="30M")
    trained = supernas.train(found.text, epochs=3, out=str(folder / "train"), parameters=1_000_000)
    supernas.export(trained.folder, format="onnx")
    supernas.report(folder, out="page.html")
    return trained.text


def settings(folder: Path) -> float | None:
    found = supernas.search(
        method=supernas.methods.E2NAS(gamma="0.5"),
        objective=supernas.objectives.NSAS(members=4),
        stopping=supernas.stopping.Skips(most=3),
        watch=[supernas.diagnostics.Depth(), "entropy"],
        space=supernas.spaces.DARTSCNN(),
        data=(inputs, targets),
        task=supernas.classification(label_smoothing=0.1),
        config={"search": {"epochs": 2}},
        set=["method.warmup=0.25"],
        device="cuda:1",
        on_epoch=[lambda epoch: {"best": epoch.metrics["valid_metric"]}],
    )
    result = supernas.train(found.architecture, data=supernas.Data((inputs, targets)), compare_random=2, resume=False)
    return result.random[0].test_metric


def asked(folder: Path) -> float:
    scores = supernas.score(sample=10, proxy=["synflow", supernas.proxies.NTK(images=4)], benchmark=table, workers=1)
    best = supernas.derive(folder, by="top-k", top=4, weights="fresh", set=["train.batch_size=32"])
    compared = supernas.correlate(folder, benchmark=table, architectures="all", proxy=[supernas.proxies.ZiCo(), "swap"])
    supernas.retrain(folder, epochs=2, config="mine.toml")
    supernas.study({"name": "mine"}, table_only=True)
    for epoch in supernas.Search(data="digits"):
        print(epoch.text)
    return best.score + scores.rankings()["synflow"].count + compared.missing


def mistakes(folder: Path) -> None:
    supernas.search(method=3)  # wrong
    supernas.search(method=supernas.objectives.NSAS())  # wrong
    supernas.search(method=supernas.methods.GDAS(temperature="cold"))  # wrong
    supernas.search(method=supernas.methods.Nothing())  # wrong
    supernas.search(epoch=3)  # wrong
    supernas.search(device=0)  # wrong
    supernas.search(resume="yes")  # wrong
    supernas.search(watch=[3])  # wrong
    supernas.train()  # wrong
    supernas.train(3.5)  # wrong
    supernas.train("3", epochs="ten")  # wrong
    supernas.Training("3", task="classification")  # wrong
    supernas.Search(data=5)  # wrong
    supernas.score("3", proxy=supernas.methods.GDAS())  # wrong
    supernas.score("3", out=None)  # wrong
    supernas.derive(folder)  # wrong
    supernas.derive(folder, by="top-k", weights="old")  # wrong
    supernas.correlate(folder, batch_norm="moving")  # wrong
    supernas.correlate(folder, proxy=3)  # wrong
    supernas.retrain(3)  # wrong
    supernas.export(folder, format=1)  # wrong
    supernas.report(folder, output="page.html")  # wrong
    supernas.study(3)  # wrong
