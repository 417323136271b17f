"""The nodes, edges and operations of DARTS cells, and the restricted sets of operations S1 to S4.

Nodes 0 and 1 are the inputs; each of nodes 2 to 5 may read every node before it. S1 to S4: A. Zela et al.,
"Understanding and Robustifying Differentiable Architecture Search", ICLR 2020.
"""

__all__ = ["EDGES", "KINDS", "KNOWN", "NODES", "OPERATIONS", "offered"]

OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
KNOWN = (*OPERATIONS, "noise")
KINDS = ("normal", "reduce")
NODES = (2, 3, 4, 5)
EDGES = tuple((node, source) for node in NODES for source in range(node))

_NONE, _MAX, _AVG, _SKIP, _SEP3, _SEP5, _DIL3, _DIL5 = OPERATIONS
_EVERYWHERE = {
    "all": OPERATIONS,
    "S2": (_SKIP, _SEP3),
    "S3": (_NONE, _SKIP, _SEP3),
    "S4": ("noise", _SEP3),
}
# S1: the two operations that an earlier search left on each edge, node by node.
_S1 = {
    "normal": (
        *((_SKIP, _DIL3), (_SKIP, _DIL5)),
        *((_SKIP, _DIL5), (_SKIP, _SEP3), (_SKIP, _DIL3)),
        *((_MAX, _SKIP), (_SKIP, _SEP3), (_SKIP, _SEP3), (_SKIP, _DIL3)),
        *((_SKIP, _SEP3), (_MAX, _SKIP), (_SKIP, _DIL3), (_DIL3, _DIL5), (_DIL3, _DIL5)),
    ),
    "reduce": (
        *((_MAX, _AVG), (_MAX, _DIL3)),
        *((_MAX, _AVG), (_MAX, _AVG), (_SKIP, _DIL5)),
        *((_MAX, _AVG), (_MAX, _SEP3), (_SKIP, _DIL3), (_SKIP, _DIL5)),
        *((_MAX, _AVG), (_MAX, _AVG), (_SKIP, _DIL5), (_SKIP, _DIL5), (_SKIP, _DIL5)),
    ),
}


def offered(operations: str | tuple[str, ...], kind: str, edge: int) -> tuple[str, ...]:
    """The operations that an edge of a kind of cell offers, by the name of a set or as listed."""
    if isinstance(operations, tuple):
        return operations
    return _S1[kind][edge] if operations == "S1" else _EVERYWHERE[operations]
