# Written by `python -m tests.typing.classes`: the parts of this folder, for type checkers.
from supernas.spaces.darts_cnn import DARTSCNN as DARTSCNN
from supernas.spaces.darts_rnn import DARTSRNN as DARTSRNN
from supernas.spaces.nas_bench_201 import NASBench201 as NASBench201
