# Written by `python -m tests.typing.classes`: the parts of this folder, for type checkers.
from supernas.spaces.darts_cnn import DARTSCNN as DARTSCNN
from supernas.spaces.darts_rnn import DARTSRNN as DARTSRNN
from supernas.spaces.nas_bench_1shot1_1 import OneShotCells1 as OneShotCells1
from supernas.spaces.nas_bench_1shot1_2 import OneShotCells2 as OneShotCells2
from supernas.spaces.nas_bench_1shot1_3 import OneShotCells3 as OneShotCells3
from supernas.spaces.nas_bench_201 import NASBench201 as NASBench201
